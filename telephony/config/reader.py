"""Reads YAML into typed records, and remembers the line of everything it read.

The types say how a scalar is understood, so YAML never guesses: `1300` or `03` where a text belongs is that
very text, `no` is not a truth value. A wrong value is put on record and replaced by the field's default, so
that one reading finds all mistakes.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec
import yaml

from telephony.config.mistakes import Mistake, Place, suggest
from telephony.config.values import (
    KeyPath,
    Places,
    check,
    cut,
    default_of,
    dotted,
    expected,
    fields_of,
    hints_of,
    is_nothing,
    kind_of,
    place_of,
    possible,
    scalar,
    shown,
    without_meta,
)

R = TypeVar("R", bound=msgspec.Struct)
Expand = Callable[[str], list[str]]
"""What a key of a mapping of records stands for: itself, or the names of a range. Raises ValueError."""


class Reader:
    """Decodes YAML nodes into records of msgspec.

    `keyed` names, for records listed by key in a mapping, the field that takes the key; `short` the field
    that a bare scalar stands for; `expand` what a key means.
    """

    def __init__(
        self,
        keyed: Mapping[type, str] | None = None,
        short: Mapping[type, str] | None = None,
        expand: Mapping[type, Expand] | None = None,
    ) -> None:
        self.mistakes: list[Mistake] = []
        self.places = Places()
        self.unread: list[str] = []
        """Files that could not be read at all."""
        self._keyed = keyed or {}
        self._short = short or {}
        self._expand = expand or {}

    def wrong(self, place: Place, what: str, right: str = "") -> None:
        self.mistakes.append(Mistake(place, what, right))

    # --- files ---------------------------------------------------------------------------------------------

    def mapping_of(self, file: Path, called: str) -> dict[str, yaml.Node]:
        """The top level of `file`, called so in messages; empty where it cannot be read."""
        try:
            loader = yaml.BaseLoader(file.read_text("utf-8"))
            loader.name = called
            root: yaml.Node | None = loader.get_single_node()
        except (OSError, UnicodeDecodeError) as error:
            return self._unreadable(called, Place(called), f"cannot be read: {error}")
        except RecursionError:
            return self._unreadable(called, Place(called, loader.line + 1), "is nested too deeply")
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            what = getattr(error, "problem", None) or " ".join(str(error).split())
            right = 'text that begins with * must stand in quotes: "*11"' if "alias" in str(error) else ""
            return self._unreadable(called, Place(called, mark.line + 1 if mark else 0), f"not YAML: {what}", right)
        if root is None:
            return {}
        if not isinstance(root, yaml.MappingNode):
            what = f"{kind_of(root)} stands where keys and values belong"
            return self._unreadable(called, place_of(root), what)
        return {key: value for key, value, _ in self._items(root, ())}

    def _unreadable(self, called: str, place: Place, what: str, right: str = "") -> dict[str, yaml.Node]:
        self.wrong(place, what, right)
        self.unread.append(called)
        return {}

    def _items(self, node: yaml.Node, path: KeyPath) -> Iterator[tuple[str, yaml.Node, Place]]:
        """The entries of a mapping, each key once."""
        if not isinstance(node, yaml.MappingNode):
            self.wrong(place_of(node), f"{dotted(path)}{kind_of(node)} stands where keys and values belong")
            return
        seen: set[str] = set()
        for key, value in node.value:
            place = place_of(key)
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(place, f"{dotted(path)}a key must be plain text, not {kind_of(key)}")
            elif key.value in seen:
                self.wrong(place, f"{dotted(path)}{cut(key.value)} stands here twice", "keep one of them")
            else:
                seen.add(key.value)
                self.places.put((*path, key.value), place)
                yield key.value, value, place

    # --- values --------------------------------------------------------------------------------------------

    def record_of(self, cls: type[R], nodes: Mapping[str, yaml.Node]) -> R:
        """A record of `cls` from the nodes of its fields."""
        return self._build(cls, nodes, self.places.at(), (), {})

    def record(self, cls: type[R], node: yaml.Node, path: KeyPath, **given: str) -> R:
        """A record of `cls`; `given` are fields known from around it: the key it stands under."""
        if isinstance(node, yaml.ScalarNode) and cls in self._short and not is_nothing(node):
            field = self._short[cls]
            return self._build(cls, {field: node}, place_of(node), path, given)
        nodes: dict[str, yaml.Node] = {}
        known = [name for name in hints_of(cls) if name not in given]
        if not is_nothing(node):
            for key, value, place in self._items(node, path):
                if key in known:
                    nodes[key] = value
                else:
                    self.wrong(place, f"{dotted(path)}{cut(key)} is not a known key", suggest(key, known))
        return self._build(cls, nodes, place_of(node), path, given)

    def _build(
        self,
        cls: type[R],
        nodes: Mapping[str, yaml.Node],
        place: Place,
        path: KeyPath,
        given: Mapping[str, str],
    ) -> R:
        values: dict[str, Any] = dict(given)
        for name, hint in hints_of(cls).items():
            if name in given:
                continue
            fallback = default_of(fields_of(cls)[name], hint)
            if name in nodes:
                values[name] = self.value(hint, nodes[name], (*path, name), fallback)
            elif fields_of(cls)[name].required:
                self.wrong(self.places.at(*path) if path else place, f"{dotted(path)}{name} is missing")
                values[name] = fallback
        return cls(**values)

    def value(self, hint: Any, node: yaml.Node, path: KeyPath, fallback: Any) -> Any:
        """The value of `node` as `hint` wants it, or `fallback` with a mistake on record."""
        hint, meta = without_meta(hint)
        if get_origin(hint) in (Union, types.UnionType):
            if is_nothing(node):
                return None
            (hint,) = (arm for arm in get_args(hint) if arm is not type(None))
            return self.value(hint, node, path, fallback)
        if get_origin(hint) is tuple:
            return self._tuple(get_args(hint)[0], node, path)
        if get_origin(hint) is dict:
            return self._dict(get_args(hint), node, path)
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            return self.record(hint, node, path)
        if not isinstance(node, yaml.ScalarNode):
            self.wrong(place_of(node), f"{dotted(path)}{kind_of(node)} stands where {expected(hint, meta)} belongs")
            return fallback
        try:
            return check(scalar(hint, node), meta)
        except ValueError:
            self.wrong(
                place_of(node),
                f"{dotted(path)}{shown(node.value)} is not possible",
                f"give {expected(hint, meta)}",
            )
            return fallback

    def _tuple(self, item: Any, node: yaml.Node, path: KeyPath) -> tuple[Any, ...]:
        if item in self._keyed:
            return self._records_by_key(item, node, path)
        if is_nothing(node):
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(place_of(node), f"{dotted(path)}{kind_of(node)} stands where a list belongs", "[a, b]")
            return ()
        values = []
        for index, entry in enumerate(node.value):
            self.places.put((*path, index), place_of(entry))
            values.append(self.value(item, entry, (*path, index), None))
        return tuple(value for value in values if value is not None)

    def _records_by_key(self, cls: Any, node: yaml.Node, path: KeyPath) -> tuple[Any, ...]:
        field = self._keyed[cls]
        _, meta = without_meta(hints_of(cls)[field])
        records: dict[str, Any] = {}
        for key, value, place in () if is_nothing(node) else self._items(node, path):
            try:
                names = self._expand[cls](key) if cls in self._expand else [key]
            except ValueError as error:
                self.wrong(place, f"{dotted(path)}{shown(key)} is not possible", str(error))
                continue
            if not all(possible(name, meta) for name in names):
                self.wrong(place, f"{dotted(path)}{shown(key)} is not possible", f"give {expected(str, meta)}")
                continue
            for name in names:
                if name in records:
                    self.wrong(place, f"{dotted(path)}{name} stands here twice", "keep one of them")
                self.places.put((*path, name), place)
            built = self.record(cls, value, (*path, key), **{field: names[0]})
            records |= {name: msgspec.structs.replace(built, **{field: name}) for name in names}
        return tuple(records.values())

    def _dict(self, hints: tuple[Any, ...], node: yaml.Node, path: KeyPath) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        (key_hint, key_meta), value_hint = without_meta(hints[0]), hints[1]
        for key, value, place in () if is_nothing(node) else self._items(node, path):
            try:
                typed = check(scalar(key_hint, yaml.ScalarNode("", key)), key_meta)
            except ValueError:
                self.wrong(place, f"{dotted(path)}{shown(key)} is not possible", f"give {expected(key_hint, key_meta)}")
                continue
            if typed in values:
                self.wrong(place, f"{dotted(path)}{typed} stands here twice", "keep one of them")
            found = self.value(value_hint, value, (*path, key), None)
            if found is not None:
                values[typed] = found
        return values
