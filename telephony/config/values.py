"""What YAML nodes and type hints mean to the reader of the configuration."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import yaml
from msgspec import Meta
from msgspec.structs import FieldInfo

from telephony.config.mistakes import Place

KeyPath = tuple[str | int, ...]
V = TypeVar("V", int, str)

TRUTH = {"true": True, "false": False}
NOTHING = ("", "~", "null")
SHOWN = 60
"""Characters of a value that a message repeats."""


class Places:
    """Where each value of the configuration was read."""

    def __init__(self) -> None:
        self._places: dict[KeyPath, Place] = {}
        self.unknown = Place("config")

    def put(self, path: KeyPath, place: Place) -> None:
        self._places[path] = place

    def at(self, *path: str | int) -> Place:
        """The line of `path`, or of the nearest thing around it."""
        while path:
            if path in self._places:
                return self._places[path]
            path = path[:-1]
        return self.unknown


def place_of(node: yaml.Node) -> Place:
    return Place(node.start_mark.name, node.start_mark.line + 1)


def is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value in NOTHING


def cut(text: str) -> str:
    """`text` as messages repeat it: a whole file put in the wrong place does not flood them."""
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def shown(text: str) -> str:
    """The same in quotes."""
    return repr(cut(text))


def kind_of(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return shown(node.value)
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def dotted(path: KeyPath) -> str:
    return ".".join(map(str, path)) + ": " if path else ""


@cache
def hints_of(cls: type[msgspec.Struct]) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


@cache
def fields_of(cls: type[msgspec.Struct]) -> dict[str, FieldInfo]:
    return {field.name: field for field in msgspec.structs.fields(cls)}


def without_meta(hint: Any) -> tuple[Any, Meta | None]:
    if get_origin(hint) is Annotated:
        bare, *metas = get_args(hint)
        return bare, next((meta for meta in metas if isinstance(meta, Meta)), None)
    return hint, None


def default_of(field: FieldInfo, hint: Any) -> Any:
    """The default of a field; of a required one an empty value of its type, meaning "never given"."""
    if field.default is not msgspec.NODEFAULT:
        return field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    bare, _ = without_meta(hint)
    return 0 if bare is int else ""


def scalar(hint: Any, node: yaml.ScalarNode) -> Any:
    """The text of `node` as str, int, bool, a member of a StrEnum or one of a Literal. Raises ValueError."""
    text: str = node.value
    if hint is str:
        return text
    if hint is bool:
        if text not in TRUTH:
            raise ValueError(text)
        return TRUTH[text]
    if hint is int:
        if not re.fullmatch(r"[-+]?[0-9]{1,18}", text):
            raise ValueError(text)
        return int(text)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(text)
    if get_origin(hint) is Literal:
        if text not in get_args(hint):
            raise ValueError(text)
        return text
    raise TypeError(f"the reader does not know the type {hint}")


def check(value: V, meta: Meta | None) -> V:
    """Return `value` if it keeps to the limits of `meta`, else raise ValueError."""
    if meta is None:
        return value
    if isinstance(value, int):
        if (meta.ge is not None and value < meta.ge) or (meta.le is not None and value > meta.le):
            raise ValueError(value)
    elif meta.pattern is not None and not re.search(meta.pattern, value):
        raise ValueError(value)
    return value


def possible(value: str, meta: Meta | None) -> bool:
    """Whether `value` keeps to the limits of `meta`."""
    try:
        check(value, meta)
    except ValueError:
        return False
    return True


def expected(hint: Any, meta: Meta | None) -> str:
    if meta is not None and meta.description:
        return meta.description
    if hint is bool:
        return "true or false"
    if hint is int:
        return "a whole number"
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return "one of " + ", ".join(hint)
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(get_args(hint))
    return "text"


def names_of_range(key: str) -> list[str]:
    """`phone01..phone65` -> phone01, phone02, ... phone65; a plain name -> itself. Raises ValueError."""
    if ".." not in key:
        return [key]
    ends = re.fullmatch(r"(.*?)(\d+)\.\.(.*?)(\d+)", key)
    right = "a range looks like phone01..phone65"
    if ends is None or ends[1] != ends[3] or len(ends[2]) != len(ends[4]):
        raise ValueError(right)
    first, last = int(ends[2]), int(ends[4])
    if not first <= last < first + 10_000:
        raise ValueError(right)
    return [f"{ends[1]}{number:0{len(ends[2])}d}" for number in range(first, last + 1)]
