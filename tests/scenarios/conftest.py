"""What the stories share: a story that ends with everybody gone and nothing odd on record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import handlers
from telephony.core.plan import Plan
from telephony.testing.promises import Promises
from telephony.testing.story import Story
from tests.scenarios.small_center import PLAN, NewStory


@pytest.fixture
def new_story() -> Iterator[NewStory]:
    """Make a story; every promise is looked after at each event, and at the end everybody goes home."""
    stories: list[tuple[Story, Promises]] = []

    def make(plan: Plan = PLAN, seed: int = 1) -> Story:
        promises = Promises(handlers.handle)
        story = Story(handlers.handle, plan, seed=seed, watch=promises.watch)
        stories.append((story, promises))
        return story

    yield make
    for story, promises in stories:
        promises.everybody_goes_home(story)


@pytest.fixture
def story(new_story: NewStory) -> Story:
    return new_story()
