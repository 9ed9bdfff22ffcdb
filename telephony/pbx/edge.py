"""The PBX as the router sees it (`telephony.ports.Pbx`): ARI for the calls, AMI for what ARI does not say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Literal

import structlog

from telephony.core.effects import CallEffect, MirrorMember, SetLamp, TakeBack
from telephony.core.events import AnyEvent, NativeMemberSeen, NativePauseSeen, PbxLost, PhoneChanged
from telephony.core.plan import Plan
from telephony.pbx import snapshot
from telephony.pbx.ami import Ami, AmiConnected, AmiDisconnected, ContactStatus, QueueMemberPause
from telephony.pbx.ami_types import (
    LoginRejected,
    QueueMemberAdded,
    QueueMemberPenalty,
    QueueMemberRemoved,
    QueueMemberRinginuse,
)
from telephony.pbx.ami_types import Message as AmiMessage
from telephony.pbx.ari import (
    ApplicationTaken,
    AriClient,
    AriError,
    Connected,
    Disconnected,
    Message,
    Problem,
    RequestFailed,
    unheeded,
)
from telephony.pbx.ari.events import Event
from telephony.pbx.contacts import Contacts
from telephony.pbx.lamps import Lamps
from telephony.pbx.membership import Foreign
from telephony.pbx.mirror import PREFIX, Mirror
from telephony.pbx.perform import Performer, holding_bridge
from telephony.pbx.seats import Seats
from telephony.pbx.translate import HEARD, Translator
from telephony.tasks import Tasks
from telephony.tokens import Tokens

log = structlog.get_logger(__name__)

APP = "gudok"
BEAT_VARIABLE = "GUDOK_BEAT"
LOOKED_VARIABLE = "GUDOK_LOOKED"
"""Set before a picture is taken. Until the callers in it are taken back the native queues ring no phone: the picture
would not show that, and we would ring it too (measured at each return from an outage)."""
RETURN_CONTEXT = "gudok-return"
Why = Literal["start", "reconnect", "overflow", "audit"]


class AsteriskPbx:
    """One Asterisk. `deliver` is the router's inbox; `replaced` is called when another router took our place."""

    def __init__(
        self,
        *,
        ari_url: str,
        ari_user: str,
        ari_password: str,
        ami: Ami,
        plan: Plan,
        tokens: Tokens,
        deliver: Callable[[AnyEvent], None],
        replaced: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._deliver = deliver
        self._replaced = replaced
        self._ari = AriClient(
            ari_url, ari_user, ari_password, APP, on_message=self._heard, events=HEARD, on_problem=self._problem
        )
        self.problems = self._ari.problems
        """What was strange on the line for calls, by kind."""
        self._ami = ami
        self._translator = Translator(plan, tokens.token, deliver)
        self._performer = Performer(self._ari, plan, self._translator, deliver, tokens.number, self._take_back)
        self._mirror = Mirror(ami, self._past_us)
        self._seats = Seats(ami)
        self._lamps = Lamps(lambda device, state: self._ari.device_states.set(device, state))
        self._contacts = Contacts(ami, [phone.name for phone in plan.phones], self._phone_is)
        self._picturing = asyncio.Lock()
        self._pictured = False
        """The first picture has been told: from then on news of phones are understood."""
        self._tasks = Tasks()
        self._connections = 0
        self._acting = True
        self.ended = self._tasks.ended
        """Fails when the PBX will not have us (wrong password, wrong version, replaced)."""

    # -- life

    async def start(self) -> None:
        """Begin to connect; an absent PBX is waited for. `ended` tells when that has become pointless."""
        self._ami.listen(self._ami_heard)
        self._tasks.start(self._mirror.run(), "mirror")
        self._tasks.start(self._seats.run(), "seats")
        self._tasks.start(self._run_ami(), "ami")
        self._tasks.start(self._ari.run(), "ari")

    async def _run_ami(self) -> None:
        """Calls need ARI alone: a manager who refuses us costs phones' states and the mirror, and is asked again."""
        while True:
            try:
                await self._ami.run()
            except LoginRejected as error:
                log.error("AMI refuses us: phones' states and the fallback queues are not followed", reason=str(error))
                await asyncio.sleep(AMI_REFUSED_PAUSE)
            else:
                return

    async def close(self) -> None:
        """Stop acting and leave; calls on the PBX go on."""
        self.stop_acting()
        await self._ari.close()
        await self._ami.close()
        await self._tasks.close()

    @property
    def connected(self) -> bool:
        """Whether the PBX can be asked anything now."""
        return self._acting and self._ari.connected

    def stop_acting(self) -> None:
        """From now on nothing is asked of the PBX and nothing is heard of it."""
        self._acting = False

    def know_extensions(self, extensions: Iterable[str]) -> None:
        """Operators' numbers are the center's own, whatever an outbound rule says of their digits."""
        self._translator.extensions = frozenset(extensions)

    def public_number(self, dialed: str) -> str:
        """A dialed number as it may stand in the journal: itself where it is ours, else its token."""
        return self._translator.public(dialed)[0]

    # -- ports.Pbx

    def perform(self, effect: CallEffect) -> None:
        if self._acting:
            self._performer.perform(effect)

    def mirror(self, effect: MirrorMember) -> None:
        self._mirror.show(effect)
        self._seats.show(effect)

    def light(self, effect: SetLamp) -> None:
        self._lamps.show(effect)

    def take_picture(self, why: Why) -> None:
        if self._acting:
            self._tasks.start(self._take_picture(why), f"picture-{why}")
            if why == "audit":
                self._tasks.start(self._audit_queues(), "audit-queues")

    def beat(self, epoch: int) -> None:
        if self._ari.connected:
            self._ari.asterisk.set_variable(BEAT_VARIABLE, str(epoch)).add_done_callback(
                unheeded
            )  # lost: so is the line

    # -- what ARI says

    def _heard(self, message: Message) -> None:
        if not self._acting:
            return
        if isinstance(message, Event):
            self._translator.hear(message)
        elif isinstance(message, Connected):
            self._connections += 1
            self._lamps.found()
            self.beat(int(time.time()))  # a caller whom the picture takes back must find us alive
            self.take_picture("start" if self._connections == 1 else "reconnect")
        elif isinstance(message, Disconnected):
            log.warning("connection to the PBX lost", reason=message.reason)
            self._lamps.lost()
            self._translator.tellings.lost()
            self._deliver(PbxLost(reason=message.reason))
        elif isinstance(message.error, ApplicationTaken):  # whatever else ends the line is told by `ended` alone
            self.stop_acting()
            self._replaced()

    def _problem(self, problem: Problem) -> None:
        error = problem.error if problem.kind == "callback" else None  # what the PBX said needs no traceback
        log.warning("ARI", problem=problem.kind, detail=problem.detail, exc_info=error)

    async def _take_picture(self, why: Why) -> None:
        """A picture that cannot be had because the line is lost is asked for again after the reconnect."""
        try:
            async with self._picturing:
                await self._tell_picture(why)
        except AriError as error:
            log.warning("no picture of the PBX", why=why, error=str(error))
            if self._ari.connected and why != "audit":
                await asyncio.sleep(PICTURE_PAUSE)
                self.take_picture(why)
            return
        if self._ami.connected and (why == "audit" or not self._contacts.known):
            await self._contacts.compare()

    async def _tell_picture(self, why: Why) -> None:
        if why != "audit":
            await self._make_holding_bridges()
            await self._contacts.read()
        await self._ari.asterisk.set_variable(LOOKED_VARIABLE, str(int(time.time())))
        picture = await snapshot.take(self._ari, self._translator, why, self._contacts)
        self._deliver(picture)
        self._pictured = True
        if why != "audit":
            self._deliver(await snapshot.holds(self._ari, picture))

    async def _make_holding_bridges(self) -> None:
        for music in {"default", *(queue.music for queue in self._plan.queues)}:
            name = holding_bridge(music)
            try:
                await self._ari.bridges.create("holding", bridge_id=name, name=name)
            except RequestFailed as error:
                if error.status != CONFLICT:  # it lives on from an earlier life of the router
                    raise

    # -- what AMI says

    def _ami_heard(self, message: AmiMessage) -> None:
        if not self._acting:
            return
        if isinstance(message, AmiConnected):
            self._seats.found()
            self._tasks.start(self._ami_found(), "ami-found")
        elif isinstance(message, AmiDisconnected):
            log.warning("AMI lost", reason=message.reason)
            self._seats.lost()
            self._contacts.lost()
            self._mirror.lost(datetime.now(UTC))
        elif isinstance(message, ContactStatus):
            self._contacts.heard(message.aor, message.uri, message.contact_status)
        else:
            self._queues_heard(message)

    def _queues_heard(self, message: AmiMessage) -> None:
        match message:
            case QueueMemberPause(queue=queue, interface=interface, paused=paused):
                self._mirror.heard(queue, interface, message.paused_reason, paused=paused)
            case QueueMemberAdded(queue=queue, interface=interface, member_name=name, paused=paused, penalty=penalty):
                self._mirror.heard_added(queue, interface, name, paused=paused, penalty=penalty)
            case QueueMemberRemoved(queue=queue, interface=interface):
                self._mirror.heard_removed(queue, interface)
            case QueueMemberRinginuse(queue=queue, interface=interface, ringinuse=on):
                self._mirror.heard_altered(queue, interface, "ring_in_use", on=on)
            case QueueMemberPenalty(queue=queue, interface=interface, penalty=penalty):
                self._mirror.heard_altered(queue, interface, "penalty", on=penalty > 0)

    def _past_us(self, foreign: Foreign) -> None:
        phone, queue = foreign.interface.removeprefix("PJSIP/"), foreign.queue.removeprefix(PREFIX)
        match foreign.act:
            case "paused" | "unpaused" as act:
                self._deliver(
                    NativePauseSeen(
                        phone=phone,
                        queue=queue,
                        paused=act == "paused",
                        reason=foreign.reason,
                        began=foreign.at,
                        stands=foreign.stands,
                    )
                )
            case act:
                self._deliver(NativeMemberSeen(phone=phone, queue=queue, act=act))

    async def _audit_queues(self) -> None:
        try:
            await self._mirror.audit()
        except OSError as error:  # found again at the next AmiConnected, or by the next audit
            log.warning("native queues not compared", error=str(error))

    async def _ami_found(self) -> None:
        try:
            await self._mirror.found()
        except OSError as error:  # the next AmiConnected tries again
            log.warning("AMI was lost again", error=str(error))
        if self._pictured:
            await self._contacts.compare()

    def _phone_is(self, phone: str, reachable: bool) -> None:
        self._deliver(PhoneChanged(phone=phone, reachable=reachable))

    def _take_back(self, effect: TakeBack) -> None:
        self._tasks.start(self._redirect(effect), "take-back")

    async def _redirect(self, effect: TakeBack) -> None:
        """Out of the native queue and back to us; one who has just hung up or been answered stays as they are."""
        try:
            if await self._ami.get_variable(effect.channel, "BRIDGEPEER"):
                return
            await self._ami.redirect(effect.channel, RETURN_CONTEXT, effect.queue)
        except OSError as error:
            log.info("caller not taken back", call=effect.call, error=str(error))


AMI_REFUSED_PAUSE = 10.0
"""Seconds until a manager who refused our name or password is asked again."""
PICTURE_PAUSE = 0.5
"""Seconds before a picture that could not be had is asked for again."""
CONFLICT = 409
