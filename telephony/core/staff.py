"""Who works in the center: the operators as the list of persons has them, whether logged in or not."""

from __future__ import annotations

import msgspec

from telephony.core.plan import Skills


class Operator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An operator as the roster of persons knows them (no PIN here). `skills`: name -> level 1..9."""

    login: str
    name: str
    extension: str
    skills: Skills = {}
    enabled: bool = True
