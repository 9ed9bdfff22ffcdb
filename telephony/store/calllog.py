"""Journal entries and the rows folded from them, written in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from telephony.core.effects import AnyEffect
from telephony.core.fact import Fact
from telephony.core.facts import AnyFact
from telephony.store.break_rows import NAMED
from telephony.store.dialects import insert, is_any_of, is_postgres
from telephony.store.fold import Family, Named, Place, Rows, call_of, fold, login_of, named_of
from telephony.store.rows import ROW_TYPES, AnyRow, AttemptRow, CallRow, StateRow
from telephony.store.statements import Statement, query, write
from telephony.store.tables import CallLogTables, call_log, call_log_state, journal, to_iso


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A journal entry as it is stored: `event` and `effects` are JSON."""

    seq: int
    at: datetime
    type: str
    event: str
    effects: str


Placed = tuple[Place, AnyFact]

_effects_decoder = msgspec.json.Decoder(list[AnyEffect | AnyFact])

MUTABLE: Mapping[str, frozenset[str]] = {
    "calls": frozenset(
        {
            "via_fallback", "first_queue", "queue", "queued", "priority", "answered", "answered_by",
            "last_operator", "attempts", "transfers", "ended", "outcome", "ended_by",
        }
    ),
    "attempts": frozenset({"answered", "ended", "result"}),
    "operator_states": frozenset({"ended", "how"}),
    "claims": frozenset({"ended", "how"}),
    "permissions": frozenset({"begins", "until", "ended", "how", "reviewed", "reviewed_by", "confirmed"}),
    "break_orders": frozenset({"withdrawn", "withdrawn_by"}),
    "violations": frozenset({"ended"}),
    "hands": frozenset({"escalated", "escalated_to", "taken", "taken_by", "mode", "ended", "how"}),
}  # fmt: skip
"""What the fold may change in a row that exists; rows of other tables never change."""


def facts_of(seq: int, effects: Iterable[object]) -> list[Placed]:
    """The facts among the effects of entry `seq`, each with its place."""
    return [(Place(seq, n), effect) for n, effect in enumerate(effects) if isinstance(effect, Fact)]  # type: ignore[misc]


def stored_facts(line: Line) -> list[Placed]:
    return facts_of(line.seq, _effects_decoder.decode(line.effects))


class CallLog:
    """Writes to one set of call-log tables. Remembers the rows of open calls and operators between batches.

    Not for several threads at once. After a failed transaction `forget` must be called.
    """

    def __init__(self, dialect: Dialect, tables: CallLogTables = call_log) -> None:
        self._native_times = is_postgres(dialect)
        every = _named(tables)
        self._upserts = {table.name: _upsert(table, name, dialect) for name, table in every}
        self._table_of = {ROW_TYPES[name]: table.name for name, table in every}
        self._families = _select_in(tables.calls, tables.calls.c.id, dialect)
        self._attempts = _select_in(tables.attempts, tables.attempts.c.call, dialect)
        states = tables.operator_states
        self._states = _select_in(states, states.c.login, dialect, states.c.ended.is_(None))
        named = {kind: tables.by_name[name] for kind, name in NAMED.items()}
        self._named = {kind: _select_in(table, table.c.id, dialect) for kind, table in named.items()}
        self._key_of = {ROW_TYPES[name]: attrgetter(*table.primary_key.columns.keys()) for name, table in every}
        self._journal = Statement(sa.insert(journal), dialect)
        self._check = _check_statement(dialect)
        self._rows = Rows()
        self._generation = 0

    def forget(self) -> None:
        """Read rows anew from the database when facts next speak of them."""
        self._rows = Rows()

    # --- writing ---------------------------------------------------------------------------------------

    def store(self, connection: Connection, lines: Sequence[Line], facts: Sequence[Placed] | None = None) -> int:
        """Append entries to the journal and fold their facts into the rows; answers how many were new.

        Without `facts` they are read from the lines. Entries that the journal already has are skipped, so
        an entry whose fate was unknown may be given again.
        """
        last = self._last_seq(connection)
        if lines and lines[0].seq <= last:
            lines = [line for line in lines if line.seq > last]
            facts = None if facts is None else [fact for fact in facts if fact[0].seq > last]
        if not lines:
            return 0
        if facts is None:
            facts = [fact for line in lines for fact in stored_facts(line)]
        time = (lambda at: at) if self._native_times else to_iso
        values = [(line.seq, time(line.at), line.type, line.event, line.effects) for line in lines]
        write(connection, self._journal, values)
        self.fold_in(connection, facts)
        return len(lines)

    def fold_in(self, connection: Connection, facts: Sequence[Placed]) -> None:
        """Write what the facts change; several changes of one row become one."""
        if not facts:
            return
        self._load(connection, facts)
        rows = self._rows
        changed: dict[str, dict[Any, AnyRow]] = {}
        for place, fact in facts:
            for row in fold(fact, place, rows):
                rows.keep(row)
                changed.setdefault(self._table_of[type(row)], {})[self._key_of[type(row)](row)] = row
        for table, by_key in changed.items():
            statement, columns = self._upserts[table]
            write(connection, statement, [self._values(row, columns) for row in by_key.values()])
        self._drop_finished(facts)

    def _values(self, row: AnyRow, columns: tuple[int, ...]) -> tuple[Any, ...]:
        values = msgspec.structs.astuple(row)
        if self._native_times:
            return tuple([values[column] for column in columns])
        return tuple([to_iso(value) if type(value := values[column]) is datetime else value for column in columns])

    def _last_seq(self, connection: Connection) -> int:
        """The last entry of the journal. A rebuild swapped in meanwhile voids the remembered rows."""
        ((generation, last),) = query(connection, self._check)
        if generation != self._generation:
            self._generation = generation
            self.forget()
        return last or 0

    # --- the rows that facts need ----------------------------------------------------------------------

    def _load(self, connection: Connection, facts: Sequence[Placed]) -> None:
        families, states = self._rows.families, self._rows.states
        calls = {call for _, fact in facts if (call := call_of(fact)) and call not in families}
        logins = {login for _, fact in facts if (login := login_of(fact)) and login not in states}
        if calls:
            families.update((call, Family()) for call in calls)
            for call_row in self._read(connection, self._families, calls, CallRow):
                families[call_row.id].call = call_row
            for attempt in self._read(connection, self._attempts, calls, AttemptRow):
                families[attempt.call].attempts[attempt.n] = attempt
        if logins:
            states.update(dict.fromkeys(logins))
            for state in self._read(connection, self._states, logins, StateRow):
                states[state.login] = state
        self._load_named(connection, {named for _, fact in facts if (named := named_of(fact))})

    def _load_named(self, connection: Connection, wanted: set[Named]) -> None:
        """These are few: read for each batch, not remembered."""
        self._rows.named = dict.fromkeys(wanted)
        for kind, statement in self._named.items():
            if names := {name for one, name in wanted if one is kind}:
                for row in self._read(connection, statement, names, kind):
                    self._rows.named[kind, row.id] = row

    def _read(self, connection: Connection, statement: Statement, keys: set[str], kind: type[Any]) -> list[Any]:
        listed: object = list(keys) if self._native_times else msgspec.json.encode(list(keys)).decode()
        found = query(connection, statement, listed)
        fields = kind.__struct_fields__
        return [msgspec.convert(dict(zip(fields, row, strict=True)), kind, strict=False) for row in found]

    def _drop_finished(self, facts: Sequence[Placed]) -> None:
        families = self._rows.families
        for _, fact in facts:
            call = call_of(fact)
            if call is not None and call in families and families[call].over:
                del families[call]


def _named(tables: CallLogTables) -> list[tuple[str, sa.Table]]:
    return list(tables.by_name.items())


def _upsert(table: sa.Table, name: str, dialect: Dialect) -> tuple[Statement, tuple[int, ...]]:
    """The statement, and which field of the row stands where in it."""
    upsert = insert(table, dialect)
    changing = {column: upsert.excluded[column] for column in sorted(MUTABLE.get(name, ()))}
    if changing:
        upsert = upsert.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changing)
    statement = Statement(upsert, dialect)
    fields = ROW_TYPES[name].__struct_fields__
    return statement, tuple(fields.index(column) for column in statement.order)


def _select_in(table: sa.Table, column: sa.Column[Any], dialect: Dialect, *more: Any) -> Statement:
    return Statement(sa.select(table).where(is_any_of(column, "keys", dialect), *more), dialect)


def _check_statement(dialect: Dialect) -> Statement:
    """In PostgreSQL the row is locked: a rebuild is swapped in before or after a batch, never within."""
    last = sa.select(sa.func.max(journal.c.seq)).scalar_subquery()
    check = sa.select(call_log_state.c.generation, last)
    if is_postgres(dialect):
        check = check.with_for_update(read=True, of=call_log_state)
    return Statement(check, dialect)
