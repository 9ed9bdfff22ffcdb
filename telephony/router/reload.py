"""Takes over, while calls go on, what `gudok` commands have changed in the database."""

from __future__ import annotations

from telephony.control import wire
from telephony.control.board import Board
from telephony.core.center import Center
from telephony.core.effects import Reply
from telephony.core.events import OperatorsChanged
from telephony.pbx.edge import AsteriskPbx
from telephony.router.roster_keeper import RosterKeeper
from telephony.router.router import Router
from telephony.store.database import Database
from telephony.store.operators import list_operators


class Reloader:
    """Tells everybody who keeps a copy: the rules, the PBX's side and the board."""

    def __init__(
        self, database: Database, router: Router[Center], roster: RosterKeeper, pbx: AsteriskPbx, board: Board
    ) -> None:
        self._database = database
        self._router = router
        self._roster = roster
        self._pbx = pbx
        self._board = board

    async def reload(self, what: wire.Reloaded) -> Reply:
        """Raises DatabaseUnusableError; then all go on with what they knew."""
        with self._database.in_use():
            text = await (self._reload_operators() if what == "operators" else self._reload_roster())
        await self._router.settled()
        return Reply(command="", ok=True, code="reloaded", text=text)

    async def _reload_roster(self) -> str:
        return f"{await self._roster.reload()} shifts"

    async def _reload_operators(self) -> str:
        operators = await list_operators(self._database)
        self._board.set_people(operators)
        self._pbx.know_extensions(operator.extension for operator in operators)
        self._router.deliver(OperatorsChanged(operators=tuple(operators)))
        return f"{len(operators)} operators"
