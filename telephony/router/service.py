"""One life of the router: every part built, tied to the others, and ended in the opposite order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import structlog
from msgspec.structs import replace

import handlers
from telephony.clock import Clock
from telephony.control import wire
from telephony.control.board import Board
from telephony.control.board_rows import Snapshot
from telephony.control.server import Control
from telephony.core.center import Center
from telephony.core.effects import Alarm
from telephony.core.events import AnyEvent, PictureTaken
from telephony.exits import Exit
from telephony.parent import lifeline
from telephony.parent.guard import rescue, save_callers
from telephony.pbx.agi import AgiProblem, AgiServer
from telephony.pbx.ami import Ami, AmiProblem, ContactStatus, QueueMemberPause
from telephony.pbx.ami_types import QueueMemberAdded, QueueMemberPenalty, QueueMemberRemoved, QueueMemberRinginuse
from telephony.pbx.edge import AsteriskPbx
from telephony.pbx.pulse import Pulse
from telephony.router import opening
from telephony.router.parts import Parts
from telephony.router.phone_codes import PhoneCodes
from telephony.router.poison import Poison
from telephony.router.record import ClosedCalls, RecordFollower, open_reader, position_keeper
from telephony.router.reload import Reloader
from telephony.router.roster_keeper import RosterKeeper
from telephony.router.router import Router
from telephony.router.status import status_answer
from telephony.router.timers import Timers
from telephony.router.today import add_earlier
from telephony.settings import Settings
from telephony.store.database import Database, refuse_lost
from telephony.store.journal import JournalWriter
from telephony.store.operators import verify_pin
from telephony.store.spool import Spool
from telephony.tokens import Tokens

log = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0
_UNCONNECTED_SECONDS = 0.1
RESCUE_SECONDS = 5.0


class Service:
    """One life of the router. `open` builds and starts everything, `live` waits for its end, `close` ends it.

    `first`: a mistake that the roster brings to light keeps it from starting. `began`: when this life began, by
    CLOCK_BOOTTIME.
    """

    def __init__(self, config: Settings, *, first: bool, began: float) -> None:
        self._settings = config
        self._began = began
        self._first = first
        self._loop = asyncio.get_running_loop()
        self.end: asyncio.Future[Exit] = self._loop.create_future()
        self.orphaned = False
        self._serving = False
        self._handled_at_beat = -1
        self.stack = contextlib.AsyncExitStack()
        self._parts = Parts(self.stack)
        self._clock = Clock()
        self._board = Board(self._clock.epoch())
        self._center = Center()
        self._closed = ClosedCalls()
        self.begins_serving: Callable[[], None] = lambda: None
        self._early_alarms: list[Alarm] = []
        self._router: Router[Center] | None = None
        self._pbx: AsteriskPbx | None = None
        self._pulse = Pulse(*config.sip_address, self._hears_sip, lambda: self.serving, family=config.sip_family)
        self._record: RecordFollower | None = None

    # --- its life ------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Raises ConfigErrors, LockedError, SecretsError, FutureSchemaError, DatabaseUnusableError."""
        config, stack = self._settings, self.stack
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = Database(config.database_url)
        stack.push_async_callback(self._database.close)
        spool = Spool(config.spool_file)
        refuse_lost(self._database, spool.path)
        with self._database.in_use():
            await stack.enter_async_context(opening.alone(self._database))
            self._journal = JournalWriter(self._database, spool, alarm=self._alarm)
            last = await self._journal.open()
            stack.push_async_callback(self._journal.close)
            started = await opening.read_start(self._database, config.plan, await self._journal.spooled())
        opening.check_operators(config, started.operators, first=self._first)
        self._tokens = Tokens(config.secrets.token_key, keep=self._journal.remember_number)
        self._pbx = self._make_pbx()
        self._pbx.know_extensions(operator.extension for operator in started.operators)
        self._router = router = self._make_router(self._pbx, last + 1)
        self._run = started.run
        self._board.start(started)
        self._parts.start("router", router.run())
        self._parts.watch("journal", self._journal.ended)
        self._parts.watch("pbx", self._pbx.ended)
        router.deliver(started)
        settled = router.settled()
        await self._parts.wait(settled, self.end)
        if self.end.done() or not settled.done():  # it need not live, or cannot: `live` tells why
            return
        await self._open_doors(router, self._pbx)
        log.info("router started", run=started.run, after_seconds=self._age())

    def _make_pbx(self) -> AsteriskPbx:
        config = self._settings
        secrets = config.secrets
        members = (QueueMemberAdded, QueueMemberPause, QueueMemberPenalty, QueueMemberRemoved, QueueMemberRinginuse)
        where = config.ami_host, config.ami_port, config.ami_user
        heard = (ContactStatus, *members)
        self._ami = Ami(*where, secrets.ami_password, events=heard, on_problem=_ami_problem)
        return AsteriskPbx(
            ari_url=config.ari_url,
            ari_user=config.ari_user,
            ari_password=secrets.ari_password,
            ami=self._ami,
            plan=config.plan,
            tokens=self._tokens,
            deliver=self._from_pbx,
            replaced=self._replaced,
        )

    def _make_router(self, pbx: AsteriskPbx, next_seq: int) -> Router[Center]:
        poison = Poison(self._settings.state_dir / "poison.json")
        if poison.damaged:
            log.error("poison.json is damaged: no event is set aside")
        timers = Timers(self._clock, lambda event: router.deliver(event))
        self.stack.callback(timers.close)
        router = Router(
            handle=handlers.handle,
            center=self._center,
            pbx=pbx,
            journal=self._journal,
            timers=timers,
            watchers=[self._board, self._closed],
            clock=self._clock,
            poison=poison,
            next_seq=next_seq,
        )
        for alarm in self._early_alarms:
            router.raise_alarm(alarm)
        return router

    async def _open_doors(self, router: Router[Center], pbx: AsteriskPbx) -> None:
        """Everything through which events come in; the control socket last, as its status tells of all the others."""
        config, stack = self._settings, self.stack
        self._codes = PhoneCodes(
            ask=router.ask,
            verify=lambda extension, pin: verify_pin(self._database, extension, pin),
            plan=config.plan,
            locked=lambda extension: self._center.log_ins.locked(extension, self._clock.now()),
        )
        roster = RosterKeeper(self._database, config.plan.timezone, router.deliver, self._clock.now)
        reloader = Reloader(self._database, router, roster, pbx, self._board)
        self._agi = AgiServer(self._codes.serve, on_problem=_agi_problem)
        await self._agi.start(config.agi_host, config.agi_port)
        stack.push_async_callback(self._agi.close)
        await self._follow_record(router, pbx)
        await pbx.start()
        stack.push_async_callback(pbx.close)
        self._parts.start("beats", self._beat_into_pbx())
        self._parts.start("pulse", self._pulse.run())
        self._parts.start("days", roster.follow_days())
        self._parts.start_aside("today", add_earlier(self._board, self._database, config.plan))
        self._control = Control(
            config.control_socket,
            board=self._board,
            ask=router.ask,
            reload=reloader.reload,
            status=self._status,
        )
        await self._control.open()
        stack.push_async_callback(self._control.close)

    async def _follow_record(self, router: Router[Center], pbx: AsteriskPbx) -> None:
        config = self._settings
        reader = await open_reader(
            self._database, config, token=self._tokens.token, dialed=pbx.public_number, closed=self._closed
        )
        keep = position_keeper(self._journal, config)
        self._record = RecordFollower(reader, deliver=router.deliver, settled=router.settled, keep=keep)
        self._parts.start("record", self._record.run())

    async def live(self) -> Exit:
        """Until the end, whatever brings it."""
        await self._parts.wait(self.end)
        return self.end.result() if self.end.done() else self._parts.why_ended()

    async def close(self) -> None:
        """End all parts in the opposite order. An orphan's callers are handed over once nothing acts any more."""
        self._serving = False
        if self.orphaned and self._pbx is not None:
            await self._pbx.close()
            await save_callers(partial(rescue, self._settings), "the parent has died", RESCUE_SECONDS)
        await self.stack.aclose()

    def leave(self, status: Exit) -> None:
        if not self.end.done():
            self.end.set_result(status)

    def orphan(self) -> None:
        log.error("the parent has died")
        self.orphaned = True
        self.leave(Exit.OK)

    # --- heartbeats ----------------------------------------------------------------------------------------

    def state(self) -> bytes | None:
        """What the parent is told each second. None: the inbox stands still, we are as good as dead."""
        if self._router is None or self._pbx is None:
            return lifeline.STARTING
        handled, before = self._router.handled, self._handled_at_beat
        self._handled_at_beat = handled
        if self._router.waiting and handled == before:
            return None
        return lifeline.SERVING if self.serving else lifeline.STARTING

    @property
    def serving(self) -> bool:
        """Whether callers are in good hands."""
        return self._serving and self._pbx is not None and self._pbx.connected

    async def _beat_into_pbx(self) -> None:
        """By the machine's own clock: the dialplan compares it with that."""
        assert self._pbx is not None
        while True:
            connected = self._pbx.connected
            if connected and not self.end.done():
                self._pbx.beat(int(time.time()))
            await asyncio.sleep(BEAT_SECONDS if connected else _UNCONNECTED_SECONDS)

    # --- what the parts ask of each other ------------------------------------------------------------------

    def _from_pbx(self, event: AnyEvent) -> None:
        assert self._router is not None
        assert self._record is not None
        if isinstance(event, PictureTaken) and event.why != "audit":
            records = self._record.so_far()
            event = replace(event, records=records, record_unread=self._record.behind)
        self._router.deliver(event)
        if isinstance(event, PictureTaken):
            self._record.pbx_seen({seen.channel for seen in event.channels}, self._clock.now())
            if event.pbx_started is not None:
                self._record.pbx_started(event.pbx_started)
            if not self._serving and not self.end.done():
                self._router.settled().add_done_callback(self._begin_serving)

    def _age(self) -> float:
        return round(time.clock_gettime(time.CLOCK_BOOTTIME) - self._began, 3)

    def _begin_serving(self, _: asyncio.Future[None]) -> None:
        """The first picture is understood: from here on callers are in good hands."""
        if not self._serving:
            self._serving = True
            self.begins_serving()
            log.info("serving calls", after_seconds=self._age())

    def _hears_sip(self, deaf: bool) -> None:
        if deaf:
            self._alarm(Alarm(code="pbx_deaf", text="the PBX answers no SIP any more: no call can begin, or end"))
        else:
            log.info("the PBX answers SIP again")

    def _replaced(self) -> None:
        log.error("another router has taken the PBX over")
        self.leave(Exit.REPLACED)

    def _alarm(self, alarm: Alarm) -> None:
        if self._router is None:
            self._early_alarms.append(alarm)
        else:
            self._router.raise_alarm(alarm)

    def _status(self, asked: int, picture: Snapshot) -> wire.StatusAnswer:
        assert self._router is not None
        assert self._pbx is not None
        assert self._record is not None
        counted = {
            "journal": self._journal.counters,
            "codes": self._codes.counters,
            "agi": self._agi.problems,
            "ami": self._ami.problems,
            "ari": self._pbx.problems,
            "cel": self._record.problems,
            "control": Counter(refused=self._control.refused, cut_off=self._control.cut_off),
        }
        return status_answer(
            asked,
            self._run,
            self._router,
            self._center,
            picture,
            counted,
            serving=self.serving,
            deaf=self._pulse.deaf,
        )


def _agi_problem(problem: AgiProblem) -> None:
    error = problem.error if problem.kind == "handler" else None  # what a peer did wrong needs no traceback
    log.warning("FastAGI", problem=problem.kind, detail=problem.detail, exc_info=error)


def _ami_problem(problem: AmiProblem) -> None:
    log.warning("AMI", problem=problem.kind, detail=problem.detail, exc_info=problem.error)
