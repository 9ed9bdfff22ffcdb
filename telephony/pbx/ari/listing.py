"""Asterisk's own description of ARI, and how what this client declares compares with it.

Asterisk serves the description (Swagger 1.2) under `/ari/api-docs/`. `check_listing` says what would break;
`summary` and `changes` say what differs between two versions, used here or not:

    python -m telephony.pbx.ari http://127.0.0.1:8088 USER          (password from ARI_PASSWORD)
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from telephony.pbx.ari import events, http, models
from telephony.pbx.ari.connection import RESTResponse
from telephony.pbx.ari.errors import AriError, WrongPassword
from telephony.pbx.ari.operation import OPERATIONS

Listing = Mapping[str, Mapping[str, Any]]  # name of the resource -> its description

_PLAIN = {
    str: {"string"}, int: {"int", "long"}, bool: {"boolean"}, datetime: {"Date"}, float: {"double"},
}  # fmt: skip
_BASES = {"Message", "Event"}  # whose fields every event has


async def fetch_listing(url: str, user: str, password: str) -> Listing:
    """The whole description, from the Asterisk at `url`. Raises `AriError`."""
    root = f"{url.rstrip('/')}/ari/api-docs"
    index = await _json(f"{root}/resources.json", user, password)
    paths = [str(api["path"]).rsplit("/", 1)[-1].partition(".")[0] for api in index["apis"]]
    return {name: await _json(f"{root}/{name}.json", user, password) for name in paths}


async def _json(url: str, user: str, password: str) -> Any:
    status, body = await http.get(url, user, password)
    if status == 401:
        raise WrongPassword(f"{url}: Asterisk rejects the ARI user {user!r} or the password")
    if status != 200:
        raise AriError(f"{url}: Asterisk answers {status}")
    return msgspec.json.decode(body)


def check_listing(listing: Listing) -> list[str]:
    """What this client declares and `listing` does not bear out, one line each; nothing if all is well."""
    return check_summary(summary(listing))


def check_summary(described: Mapping[str, Mapping[str, str]]) -> list[str]:
    """As `check_listing`, for a summary that was kept."""
    problems = [line for operation in OPERATIONS for line in _check_operation(operation, described)]
    for declared in _declared():
        name = str(declared.__struct_config__.tag or declared.__name__)
        problems += _check_model(name, declared, described)
    return problems


def summary(listing: Listing) -> dict[str, dict[str, str]]:
    """`POST /channels/create` or `model Channel` -> its parameters or fields -> type, `*` if required."""
    flat: dict[str, dict[str, str]] = {}
    for resource in listing.values():
        for api in resource.get("apis", ()):
            for operation in api["operations"]:
                parameters = operation.get("parameters", ())
                flat[f"{operation['httpMethod']} {api['path']}"] = {
                    p["name"]: f"{p['paramType']} {p['dataType']}{'*' if p.get('required') else ''}" for p in parameters
                }
        for name, model in resource.get("models", {}).items():
            flat[f"model {name}"] = {
                field: f"{p['type']}{'*' if p.get('required') else ''}" for field, p in model["properties"].items()
            }
    return flat


def changes(old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What differs between two summaries, one line each: `+` added, `-` removed, `~` changed."""
    lines = [f"- {key}" for key in old if key not in new] + [f"+ {key}" for key in new if key not in old]
    for key in old.keys() & new.keys():
        before, after = old[key], new[key]
        lines += [f"- {key}: {name}" for name in before if name not in after]
        lines += [f"+ {key}: {name} ({after[name]})" for name in after if name not in before]
        lines += [
            f"~ {key}: {name} was {before[name]}, is {after[name]}"
            for name in before.keys() & after.keys()
            if before[name] != after[name]
        ]
    return sorted(lines, key=lambda line: line[2:])


def _declared() -> Iterable[type[msgspec.Struct]]:
    for module, base in ((models, models.Model), (events, events.Event)):
        for thing in vars(module).values():
            if isinstance(thing, type) and issubclass(thing, base) and thing.__module__ == module.__name__:
                yield from () if thing is base else (thing,)
    yield RESTResponse


def _check_operation(operation: Any, described: Mapping[str, Mapping[str, str]]) -> list[str]:
    key = f"{operation.method} {operation.path}"
    parameters = described.get(key)
    if parameters is None:
        return [f"{key}: no such operation"]
    kinds = {name: kind.partition(" ")[0] for name, kind in parameters.items()}
    unknown = [name for name in sorted(operation.params) if kinds.get(name) != "query"]
    lines = [f"{key}: no query parameter {name}" for name in unknown]
    if operation.body and kinds.get(operation.body) != "body":
        lines.append(f"{key}: no body {operation.body}")
    given = {*operation.params, operation.body}
    for name, kind in parameters.items():
        if kind.endswith("*") and not kind.startswith("path") and name not in given:
            lines.append(f"{key}: parameter {name} is required, and is not declared")
    return lines


def _check_model(name: str, declared: type[msgspec.Struct], described: Mapping[str, Mapping[str, str]]) -> list[str]:
    fields = described.get(f"model {name}")
    if fields is None:
        return [f"{name}: no such model"]
    known = dict(fields)
    for base in _BASES:
        known = {**described.get(f"model {base}", {}), **known}
    lines = []
    for field in msgspec.structs.fields(declared):
        kind = known.get(field.encode_name)
        if kind is None:
            lines.append(f"{name}: no field {field.encode_name}")
        elif not _fits(field.type, kind.rstrip("*")):
            lines.append(f"{name}: field {field.encode_name} is {kind.rstrip('*')}, declared as {field.type}")
        elif field.required and not kind.endswith("*"):
            lines.append(f"{name}: field {field.encode_name} may be missing, declared as always there")
    return lines


def _fits(declared: Any, listed: str) -> bool:
    """Whether a declared type reads what the listing calls `listed`."""
    origin, args = typing.get_origin(declared), typing.get_args(declared)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(arg, listed) for arg in args if arg is not type(None))
    if origin is list:
        return listed.startswith("List[") and _fits(args[0], listed[5:-1])
    if origin is dict:
        return listed in ("object", "containers")
    if declared in _PLAIN:
        return listed in _PLAIN[declared]
    return getattr(declared, "__name__", "") == listed
