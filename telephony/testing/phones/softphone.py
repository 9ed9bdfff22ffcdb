"""A real SIP phone for tests, the demo and chaos runs: one baresip process, driven and watched.

    async with await Softphone.start(program, "101", "secret", ("127.0.0.1", 5060)) as phone:
        await phone.register()
        await phone.ringing()
        await phone.answer()
        await phone.closed()

What it reports comes from the SIP messages on its own wire, never from what the program thinks of them. All waits
have a time limit and raise TimeoutError with what was awaited.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from telephony.testing.patience import PATIENCE
from telephony.testing.phones.baresip import Baresip, PhoneError, Program
from telephony.testing.phones.ear import Ear
from telephony.testing.phones.sip import Dialog, PhoneCall, SipMessage


class Softphone(Ear):
    """One phone with one SIP account. Commands act on the newest live call unless one is given."""

    def __init__(self, number: str, password: str, server: tuple[str, int], folder: Path) -> None:
        super().__init__(number, folder)
        self._password = password
        self._server = f"{server[0]}:{server[1]}"
        self.dialogs: list[Dialog] = []
        self._by_call_id: dict[str, Dialog] = {}
        self._registered = False
        self._register_code = 0
        self._told_password = False
        self._picks_up = False
        self._changed = asyncio.Event()
        self._program: Baresip | None = None

    @classmethod
    async def start(
        cls,
        program: Program,
        number: str,
        password: str,
        server: tuple[str, int],
        *,
        tone: int = 440,
        lifetime: int = 3600,
        picks_up: bool = False,
    ) -> Softphone:
        """Start the phone, not yet registered. It sends a sine `tone` (Hz) while it talks, and ends by itself after
        `lifetime` seconds; with `picks_up` it answers a call that asks for it (Call-Info: answer-after). Raises
        PhoneError."""
        folder = Path(tempfile.mkdtemp(prefix=f"gudok-phone-{number}-"))
        phone = cls(number, password, server, folder)
        phone._picks_up = picks_up
        try:
            phone._program = await Baresip.start(
                program, folder, phone._server, phone._see, tone=tone, lifetime=lifetime
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return phone

    async def __aenter__(self) -> Softphone:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self, grace: float = 3.0) -> None:
        """Hang up, unregister, end the process (after `grace` seconds by force), delete its folder with the recordings,
        thousands of entries. Raises OSError when that is not possible."""
        try:
            await self._baresip.stop(grace)
        finally:
            with contextlib.suppress(FileNotFoundError):  # stopped before
                await asyncio.to_thread(shutil.rmtree, self.folder)

    def kill(self) -> None:
        """The phone loses power: no BYE, no unregistration."""
        self._baresip.kill()

    # --- what it saw ------------------------------------------------------------------------------------------

    @property
    def calls(self) -> list[PhoneCall]:
        """The phone's own record of its calls, in order of their INVITEs."""
        return [dialog.record for dialog in self.dialogs]

    @property
    def registered(self) -> bool:
        return self._registered

    def _see(self, message: SipMessage) -> None:
        if message.method == "REGISTER":
            self._see_register(message)
        elif dialog := self._by_call_id.get(message.call_id):
            dialog.see(message)
        elif message.method == "INVITE" and not message.status:
            dialog = Dialog(self.number, message)
            self.dialogs.append(dialog)
            self._by_call_id[message.call_id] = dialog
        self._changed.set()

    def _see_register(self, message: SipMessage) -> None:
        """A 401 asks for the password; one that answers the password refuses it."""
        if not message.status:
            self._told_password = "authorization" in message.headers
        elif message.status not in (401, 407) or self._told_password:
            self._register_code = message.status
            gone = "expires=0" in message.headers.get("contact", "") or "contact" not in message.headers
            self._registered = message.status == 200 and not gone

    async def _until(self, happened: Callable[[], bool], what: str, within: float) -> None:
        try:
            async with asyncio.timeout(within):
                while not happened():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"phone {self.number}: {what} did not happen within {within} s") from None

    # --- registration -----------------------------------------------------------------------------------------

    async def register(self, within: float = PATIENCE, expires: int = 120) -> None:
        """Register for `expires` seconds, renewed by the phone. Raises PhoneError when the PBX refuses."""
        await self._use_account(expires)
        await self._until(lambda: self._registered or self._register_code >= 300, "registration", within)
        if not self._registered:
            raise PhoneError(f"phone {self.number}: registration refused with {self._register_code}")

    async def use_trunk(self) -> None:
        """Be a caller from outside: no registration, the PBX knows the trunk by its address."""
        await self._use_account(0)

    async def _use_account(self, expires: int) -> None:
        self._register_code = 0
        await self._baresip.command(
            "uanew",
            f"<sip:{self.number}@{self._server};transport=udp>;auth_user={self.number};auth_pass={self._password}"
            f";regint={expires};audio_codecs=pcma/8000/1,pcmu/8000/1;answermode=manual"
            + (";sip_autoanswer=yes" if self._picks_up else ""),
        )

    async def unregister(self, within: float = PATIENCE) -> None:
        """Take the phone off the PBX; its calls are cut."""
        await self._baresip.command("uadel", f"sip:{self.number}@{self._server}")
        await self._until(lambda: not self._registered, "unregistration", within)

    # --- calls ------------------------------------------------------------------------------------------------

    async def dial(self, number: str, within: float = PATIENCE) -> Dialog:
        """Send an INVITE; returns once it is on the wire. A call in progress goes on hold when the new one is
        established, where it was not before."""
        before = len(self.dialogs)
        await self._baresip.command("dial", f"sip:{number}@{self._server};transport=udp")
        await self._until(lambda: len(self._placed(before)) > 0, f"INVITE to {number}", within)
        return self._placed(before)[0]

    def _placed(self, since: int) -> list[Dialog]:
        return [dialog for dialog in self.dialogs[since:] if dialog.record.direction == "out"]

    async def ringing(self, within: float = PATIENCE) -> Dialog:
        """Wait for an incoming call that is neither answered nor over. Left alone, the phone just rings on."""
        await self._until(lambda: any(d.waiting for d in self.dialogs), "incoming call", within)
        return next(d for d in self.dialogs if d.waiting)

    async def rings(self, call: Dialog | None = None, within: float = PATIENCE) -> Dialog:
        """Wait until the far end of an outgoing call rings (180 or 183)."""
        call = call or self._newest()
        record = call.record
        await self._until(lambda: record.rang is not None or not call.live, "ringing at the far end", within)
        return call

    async def established(self, call: Dialog | None = None, within: float = PATIENCE) -> Dialog:
        """Wait until the call is answered; PhoneError with the status when it is refused instead."""
        call = call or self._newest()
        record = call.record
        await self._until(lambda: record.answered is not None or not call.live, "answer", within)
        if record.answered is None:
            raise PhoneError(f"phone {self.number}: call refused with {record.code}")
        return call

    async def closed(self, call: Dialog | None = None, within: float = PATIENCE) -> PhoneCall:
        """Wait for the end of the call, whoever ends it; its record."""
        call = call or self._newest()
        await self._until(lambda: not call.live, "end of the call", within)
        return call.record

    async def answer(self, call: Dialog | None = None, within: float = PATIENCE) -> Dialog:
        call = call or await self.ringing(within)
        await self._baresip.command("accept", call.record.sip_call_id)
        return await self.established(call, within)

    async def reject(self, call: Dialog | None = None, within: float = PATIENCE) -> PhoneCall:
        """Refuse with 486, the only refusal that baresip 1.1 knows; other codes: the operators of `load`."""
        call = call or await self.ringing(within)
        return await self.hang_up(call, within)

    async def hang_up(self, call: Dialog | None = None, within: float = PATIENCE) -> PhoneCall:
        """BYE, CANCEL or 486, whatever the state of the call asks for."""
        call = call or self._newest()
        try:
            await self._baresip.command("hangup", call.record.sip_call_id)
        except PhoneError as error:
            if "not found" not in str(error):
                raise
            # The other side was quicker; its BYE is in the trace, or about to be.
        return await self.closed(call, within)

    async def hold(self, call: Dialog | None = None, within: float = PATIENCE) -> None:
        await self._change_media("hold", call, within)

    async def resume(self, call: Dialog | None = None, within: float = PATIENCE) -> None:
        await self._change_media("resume", call, within)

    async def _change_media(self, command: str, call: Dialog | None, within: float) -> None:
        call = call or self._newest()
        before = call.media_changes
        try:
            await self._baresip.command(command, call.record.sip_call_id)
        except PhoneError as error:
            # baresip 1.1 resumes, then says "Invalid argument" unless another call was active: the wire decides.
            if command != "resume" or "Invalid argument" not in str(error):
                raise
        await self._until(lambda: call.media_changes > before, command, within)

    async def send_digits(self, digits: str, call: Dialog | None = None) -> None:
        """Send each digit as an RFC 4733 event; they take about 0.2 s each on the wire."""
        await self._select(call or self._newest())
        for digit in digits:
            await self._baresip.command("sndcode", digit)
            # The phone gives no sign that a digit has left; the next one would swallow it.
            await asyncio.sleep(0.2)

    # --- transfers --------------------------------------------------------------------------------------------

    async def transfer(self, number: str, call: Dialog | None = None, within: float = PATIENCE) -> int:
        """Blind: REFER the call to `number`. Returns the PBX's answer to the REFER (202, or a refusal)."""
        return await self._refer(f"sip:{number}@{self._server}", call or self._newest(), within)

    async def transfer_to(self, consultation: Dialog, call: Dialog, within: float = PATIENCE) -> int:
        """Attended: REFER `call` to the far end of `consultation` (Replaces). Returns the PBX's answer."""
        replaces = quote(
            f"{consultation.record.sip_call_id};to-tag={consultation.remote_tag};from-tag={consultation.local_tag}",
            safe="",
        )
        target = f"<sip:{consultation.record.number}@{self._server}?Replaces={replaces}>"
        return await self._refer(target, call, within)

    async def transferred(self, call: Dialog, within: float = 30.0) -> int:
        """Wait for the last word on the transfer of `call`: 200 done, else the status of its failure."""
        await self._until(lambda: call.transfer_status >= 200 or not call.live, "end of the transfer", within)
        return call.transfer_status

    async def _refer(self, target: str, call: Dialog, within: float) -> int:
        call.transfer_answer = call.transfer_status = 0
        await self._select(call)
        await self._baresip.command("transfer", target)
        await self._until(lambda: call.transfer_answer >= 200, "answer to the REFER", within)
        return call.transfer_answer

    async def _select(self, call: Dialog) -> None:
        await self._baresip.command("callfind", call.record.sip_call_id)

    def _newest(self) -> Dialog:
        if not self.dialogs:
            raise PhoneError(f"phone {self.number}: no call yet")
        return next((d for d in reversed(self.dialogs) if d.live), self.dialogs[-1])

    @property
    def _baresip(self) -> Baresip:
        if self._program is None:
            raise PhoneError(f"phone {self.number} is not started")
        return self._program
