"""The rendered PBX, on a real Asterisk with real phones: what it does while Gudok is away, and how it asks Gudok."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from telephony.parent.guard import hand_over
from telephony.pbx.agi import AgiRequest, AgiServer
from telephony.pbx.ami_types import QueueMemberAdded
from telephony.pbx.ari import AriClient
from telephony.pbx.ari.events import StasisStart
from telephony.pbx.embedded import EmbeddedPbx
from telephony.resources import default_folder
from telephony.settings import Settings
from telephony.testing.patience import PATIENCE
from telephony.testing.phones.softphone import Softphone
from tests.integration._ami_events import QueueCallerAbandon, QueueCallerJoin, QueueCallerLeave
from tests.integration._gudok_pbx import CENTER, caller, complaints, manager, phone, router, settings_on_free_ports

pytestmark = [pytest.mark.asterisk, pytest.mark.integration]

EXPLAINED: Mapping[str, str] = {}
"""Part of a line that Asterisk complains with -> why it may."""
OUTSIDE = "79000000001"


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPbx]:
    config = shutil.copytree(default_folder("config"), tmp_path_factory.mktemp("center") / "config")
    shutil.copy(CENTER / "prompts.yaml", config)  # few words, so that nobody need listen long
    embedded = EmbeddedPbx(settings_on_free_ports(tmp_path_factory.mktemp("gudok"), config))
    embedded.install()
    embedded.start()
    yield embedded
    embedded.stop()


@pytest.fixture
def settings(pbx: EmbeddedPbx) -> Settings:
    return pbx.settings


async def beat(ari: AriClient, age: float = 0.0) -> None:
    """What the router does once a second."""
    await ari.asterisk.set_variable("GUDOK_BEAT", f"{time.time() - age:.3f}")


@asynccontextmanager
async def mirrored(pbx: EmbeddedPbx, queue: str, name: str) -> AsyncIterator[Softphone]:
    """An operator whom Gudok has shown in the native queue, at a registered phone."""
    async with manager(pbx.settings) as (ami, heard), phone(pbx.settings, name) as softphone:
        await ami.queue_add(f"gudok-{queue}", f"PJSIP/{name}", name="anna")
        await heard.until(QueueMemberAdded)
        yield softphone
        await ami.queue_remove(f"gudok-{queue}", f"PJSIP/{name}")


# --- what stands there ---------------------------------------------------------------------------------------


def test_it_boots_without_a_complaint(pbx: EmbeddedPbx) -> None:
    assert complaints(pbx, EXPLAINED) == []


def test_every_module_it_names_is_running(pbx: EmbeddedPbx) -> None:
    named = set(re.findall(r"^load = (\S+)", (default_folder("dialplan") / "modules.conf").read_text(), re.MULTILINE))
    listed = pbx.console("module show")
    running = {line.split()[0] for line in listed.splitlines() if " Running " in line}
    assert len(named) > 100
    assert named - running == set()


def test_the_plan_is_in_it(pbx: EmbeddedPbx) -> None:
    assert "Objects found: 71" in pbx.console("pjsip show endpoints"), "70 phones and a trunk"
    for context in ("trunk", "phones", "fallback", "return", "away", "hints"):
        assert f"Context 'gudok-{context}'" in pbx.console(f"dialplan show gudok-{context}")
    queues = pbx.console("queue show")
    assert [f"gudok-{queue.name}" in queues for queue in pbx.settings.plan.queues] == [True] * 5


async def test_it_can_be_reached_from_this_machine_only(pbx: EmbeddedPbx, settings: Settings) -> None:
    """SIP, HTTP, AMI, and media while a call lasts."""
    assert pbx.pid is not None
    quiet = listening(pbx.pid)
    for port in (settings.sip_port, settings.site.http_port, settings.ami_port):
        assert f"0100007F:{port:04X}" in quiet
    async with caller(settings, OUTSIDE) as outside:
        await outside.established(await outside.dial("1300"))
        media = listening(pbx.pid) - quiet
        await outside.hang_up()
    assert media
    beyond = {address for address in quiet | media if not address.startswith("0100007F:")}
    assert not beyond & media
    assert len(beyond) <= 2, "the SIP stack's DNS client, one socket for IPv4 and one for IPv6, cannot be bound"
    for address in beyond:
        assert not await answers_sip(port_of(address), settings.sip_port)


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


async def answers_sip(port: int, true_port: int) -> bool:
    """Whether `port` takes SIP: it is asked first, and has had its chance when the true one has answered."""
    loop = asyncio.get_running_loop()
    heard: list[int] = []
    answered = loop.create_future()

    class Asking(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            heard.append(addr[1])
            if addr[1] == true_port and not answered.done():
                answered.set_result(None)

    transport, _ = await loop.create_datagram_endpoint(Asking, local_addr=("127.0.0.1", 0))
    own = transport.get_extra_info("sockname")[1]
    for to in (port, true_port):
        request = (
            f"OPTIONS sip:ping@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{own}.{to};rport\r\n"
            f"From: <sip:ping@127.0.0.1>;tag=1\r\nTo: <sip:ping@127.0.0.1>\r\nCall-ID: ping-{own}-{to}\r\n"
            "CSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\nContent-Length: 0\r\n\r\n"
        )
        transport.sendto(request.encode(), ("127.0.0.1", to))
    await asyncio.wait_for(answered, PATIENCE)
    transport.close()
    return port in heard


def listening(pid: int) -> set[str]:
    """Local addresses, in the kernel's writing, of the sockets that process `pid` takes calls on."""
    links = [Path(f"/proc/{pid}/fd/{name.name}") for name in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {match[1] for link in links if (match := re.match(r"socket:\[(\d+)\]", str(link.readlink())))}
    found = set()
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == state and fields[9] in inodes:
                found.add(fields[1])
    return found


def test_rendering_again_changes_nothing(pbx: EmbeddedPbx) -> None:
    assert pbx.render() == []


def test_starting_again_is_the_same_process(pbx: EmbeddedPbx) -> None:
    before = pbx.pid
    assert pbx.start() == before
    assert "running, process" in pbx.status()


# --- callers -------------------------------------------------------------------------------------------------


async def test_without_gudok_a_caller_reaches_a_mirrored_operator(pbx: EmbeddedPbx, settings: Settings) -> None:
    async with mirrored(pbx, "booking", "phone01") as operator, caller(settings, OUTSIDE) as outside:
        call = await outside.dial("1300")
        ringing = await operator.ringing()
        assert ringing.record.number == OUTSIDE
        await operator.answer()
        await outside.established(call)
        await operator.hang_up()
        record = await outside.closed(call)
    assert record.code == 200
    assert record.ended_by == "peer"


async def test_a_gudok_that_has_just_come_back_is_not_rung_past(pbx: EmbeddedPbx, settings: Settings) -> None:
    """It takes the callers back now, and may ring the same phone; should it be gone again, nothing is lost."""
    async with (
        mirrored(pbx, "booking", "phone01") as operator,
        caller(settings, OUTSIDE) as outside,
        manager(settings) as (_, native),
    ):
        back = int(time.time())
        pbx.console(f"dialplan set global GUDOK_LOOKED {back}")
        call = await outside.dial("1300")
        await native.until(QueueCallerJoin)
        await operator.ringing()
        assert time.time() >= back + 3
        assert len(operator.calls) == 1
        await outside.hang_up(call)
        await operator.closed()


async def test_without_gudok_a_caller_waits_natively_at_once(settings: Settings) -> None:
    async with manager(settings) as (_, heard), caller(settings, OUTSIDE) as outside:
        begun = time.monotonic()
        await outside.dial("1301")
        joined = await heard.until(QueueCallerJoin)
        assert joined.queue == "gudok-children"
        assert time.monotonic() - begun < 1
        await outside.hang_up()
        await heard.until(QueueCallerAbandon)


async def test_with_gudok_a_caller_enters_stasis_with_number_and_arrival(settings: Settings) -> None:
    async with router(settings) as (ari, heard), caller(settings, OUTSIDE) as outside:
        await beat(ari)
        call = await outside.dial("1300")
        entered = await heard.until(StasisStart)
        inbound, number, arrived = entered.args
        assert (inbound, number) == ("inbound", "1300")
        assert re.fullmatch(r"\d{10}\.\d{3}", arrived)
        assert abs(float(arrived) - time.time()) < 2
        variables = entered.channel.channelvars
        assert variables["GUDOK_QUEUE"] == "booking"
        assert variables["GUDOK_ARRIVED"] == arrived
        assert set(variables) >= {"GUDOK_CALL", "GUDOK_ROLE", "GUDOK_PHONE", "GUDOK_ATTEMPT"}
        assert entered.channel.id.startswith("gudok-")
        sip_id = await ari.channels.get_variable(entered.channel.id, "CHANNEL(userfield)")
        assert sip_id.value == call.record.sip_call_id
        await ari.channels.hangup(entered.channel.id)
        await outside.closed()


@pytest.mark.parametrize("parameters", ["phone-context=+70000", "npdi;rn=+70000000000", "isub=1"])
async def test_the_parameters_of_a_telephone_number_are_no_part_of_it(settings: Settings, parameters: str) -> None:
    """RFC 3966, RFC 4694: operators' trunks send them in the user part of the address."""
    async with router(settings) as (ari, heard):
        await beat(ari)
        await invited(settings.sip_port, f"1300;{parameters}")
        entered = await heard.until(StasisStart)
        assert entered.args[:2] == ["inbound", "1300"]
        assert entered.channel.channelvars["GUDOK_QUEUE"] == "booking"
        await ari.channels.hangup(entered.channel.id)


async def invited(sip_port: int, user: str) -> None:
    """Dial a `user` that softphones refuse to dial, until the PBX answers. It is left to the PBX to hang up."""
    loop = asyncio.get_running_loop()
    answered = loop.create_future()

    class Dialing(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            if data.startswith(b"SIP/2.0 200") and not answered.done():
                tagged = re.search(rb"^To: (.*)\r", data, re.MULTILINE)
                assert tagged is not None
                answered.set_result(tagged[1].decode())

    transport, _ = await loop.create_datagram_endpoint(Dialing, local_addr=("127.0.0.1", 0))
    own = transport.get_extra_info("sockname")[1]
    uri = f"sip:{user}@127.0.0.1:{sip_port}"

    def send(method: str, to: str, body: str = "") -> None:
        request = (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{method}{own};rport\r\n"
            f"From: <sip:{OUTSIDE}@127.0.0.1>;tag=1\r\nTo: {to}\r\nCall-ID: invited-{own}\r\nCSeq: 1 {method}\r\n"
            f"Contact: <sip:{OUTSIDE}@127.0.0.1:{own}>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        transport.sendto(request.encode(), ("127.0.0.1", sip_port))

    speaks = f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {own} RTP/AVP 8\r\n"
    send("INVITE", f"<{uri}>", speaks)
    send("ACK", await asyncio.wait_for(answered, PATIENCE))
    transport.close()


async def test_a_gudok_that_does_not_beat_gets_nobody(settings: Settings) -> None:
    """Frozen, its socket is still there: without the heartbeat the caller would hear silence."""
    async with manager(settings) as (_, native), router(settings) as (ari, heard), caller(settings, OUTSIDE) as outside:
        await beat(ari, age=4)
        await outside.dial("1300")
        assert (await native.until(QueueCallerJoin)).queue == "gudok-booking"
        assert not [message for message in heard.told if isinstance(message, StasisStart)]
        await outside.hang_up()


async def test_a_gudok_that_beats_but_is_gone_loses_nobody(settings: Settings) -> None:
    async with manager(settings) as (_, native), caller(settings, OUTSIDE) as outside:
        async with router(settings) as (ari, _):
            await beat(ari)
        await outside.dial("1300")
        assert (await native.until(QueueCallerJoin)).queue == "gudok-booking"
        await outside.hang_up()


async def test_a_waiting_caller_comes_back_with_the_true_arrival(settings: Settings) -> None:
    async with (
        manager(settings) as (ami, native),
        router(settings) as (ari, heard),
        caller(settings, OUTSIDE) as outside,
    ):
        await beat(ari, age=4)
        begun = time.time()
        await outside.dial("1302")
        joined = await native.until(QueueCallerJoin)
        await beat(ari)
        await ami.redirect(joined.channel, "gudok-return", "house_calls")
        entered = await heard.until(StasisStart)
        assert entered.args[:2] == ["back", "1302"]
        assert entered.args[3] == "house_calls"
        assert entered.args[4] == entered.args[2], "they have been in this queue from the beginning"
        assert abs(float(entered.args[2]) - begun) < 1
        assert entered.channel.id == joined.uniqueid
        await ari.channels.hangup(entered.channel.id)


async def test_a_caller_sent_back_in_vain_goes_on_waiting(settings: Settings) -> None:
    async with manager(settings) as (ami, native), caller(settings, OUTSIDE) as outside:
        await outside.dial("1300")
        joined = await native.until(QueueCallerJoin)
        arrived = await ami.get_variable(joined.channel, "GUDOK_ARRIVED")
        await ami.redirect(joined.channel, "gudok-return", "booking")
        again = await native.until(QueueCallerJoin)
        assert again.uniqueid == joined.uniqueid
        assert await ami.get_variable(joined.channel, "GUDOK_ARRIVED") == arrived
        await outside.hang_up()


async def test_a_caller_waits_natively_for_what_is_left_in_their_queue(pbx: EmbeddedPbx, settings: Settings) -> None:
    """Counted from when they entered it, not from their arrival; that stays with them when they come back."""
    async with (
        manager(settings) as (ami, native),
        router(settings) as (ari, heard),
        caller(settings, OUTSIDE) as outside,
    ):
        await beat(ari, age=4)
        await outside.dial("1300")
        joined = await native.until(QueueCallerJoin)
        moved = time.time() - 1796  # of 1800 s
        for name, moment in (("GUDOK_ARRIVED", moved - 600), ("GUDOK_QUEUED", moved)):
            pbx.console(f"dialplan set chanvar {joined.channel} {name} {moment:.3f}")
        await ami.redirect(joined.channel, "gudok-fallback", "booking")
        await native.until(QueueCallerJoin)
        await native.until(QueueCallerLeave)
        assert time.time() - moved > 1798
        await beat(ari)
        await ami.redirect(joined.channel, "gudok-return", "booking")
        entered = await heard.until(StasisStart)
        assert entered.args[4] == f"{moved:.3f}"
        await ari.channels.hangup(entered.channel.id)


@pytest.mark.parametrize(
    ("dialed", "number"), [("1999", "1999"), ("info", "s"), ("~x", "s"), ("%D1%8F", "s"), ("%E9", "s")]
)
async def test_a_number_nobody_serves_is_gudoks_to_say(settings: Settings, dialed: str, number: str) -> None:
    """Whatever it is made of."""
    async with router(settings) as (ari, heard), caller(settings, OUTSIDE) as outside:
        await beat(ari)
        await outside.dial(dialed)
        entered = await heard.until(StasisStart)
        assert entered.args[:2] == ["inbound", number]
        assert entered.channel.channelvars["GUDOK_QUEUE"] == ""
        await ari.channels.hangup(entered.channel.id)


async def test_a_number_nobody_serves_is_told_politely_without_gudok(settings: Settings) -> None:
    async with caller(settings, OUTSIDE) as outside:
        call = await outside.dial("1999")
        await outside.established(call)
        record = await outside.closed(call)
        assert record.ended_by == "peer"
        assert outside.recordings()[-1].loudness() > 0.02, "something was said"


async def test_a_caller_whose_number_nobody_serves_rings_nobody_when_gudok_dies(
    pbx: EmbeddedPbx, settings: Settings
) -> None:
    """They are told once more that the number is nobody's, by the PBX, and their call ends."""
    async with (
        mirrored(pbx, "booking", "phone01") as operator,
        manager(settings) as (ami, native),
        router(settings) as (ari, heard),
        caller(settings, OUTSIDE) as outside,
    ):
        await beat(ari)
        call = await outside.dial("1999")
        await heard.until(StasisStart)
        assert await hand_over(ami) == 1
        assert (await outside.closed(call)).ended_by == "peer"
        assert outside.recordings()[-1].loudness() > 0.02, "something was said"
        assert not [message for message in native.told if isinstance(message, QueueCallerJoin)]
        assert operator.calls == []


async def test_an_operator_who_waits_in_a_queue_when_gudok_dies_may_dial_it_again(settings: Settings) -> None:
    async with (
        phone(settings, "phone01") as anna,
        manager(settings) as (ami, native),
        router(settings) as (ari, heard),
    ):
        await beat(ari)
        call = await anna.dial("802")
        await heard.until(StasisStart)
        assert await hand_over(ami) == 0
        await anna.closed(call)
        await anna.dial("802")
        assert (await native.until(QueueCallerJoin)).queue == "gudok-children"
        await anna.hang_up()
        await native.until(QueueCallerAbandon)


# --- operators' phones ---------------------------------------------------------------------------------------


class Codes:
    """A Gudok that only answers feature codes."""

    def __init__(self, answer: Mapping[str, str]) -> None:
        self.answer = answer
        self.asked: list[AgiRequest] = []

    async def __call__(self, request: AgiRequest) -> Mapping[str, str]:
        self.asked.append(request)
        return self.answer


@asynccontextmanager
async def answering(settings: Settings, **answer: str) -> AsyncIterator[Codes]:
    codes = Codes(answer)
    async with AgiServer(codes) as server:
        await server.start(settings.agi_host, settings.agi_port)
        yield codes


async def log_in(softphone: Softphone, extension: str, pin: str) -> None:
    """Dial the code, then both numbers; the prompts can be cut short."""
    call = await softphone.dial("*11")
    await softphone.established(call)
    await softphone.send_digits(f"{extension}#")
    await softphone.send_digits(f"{pin}#")
    await softphone.closed(call)


async def test_logging_in_asks_gudok_once_and_says_its_answer(pbx: EmbeddedPbx, settings: Settings) -> None:
    pin = "90417263"
    async with (
        answering(settings, GUDOK_SAY="gudok/logged-in") as codes,
        phone(settings, "phone01") as softphone,
    ):
        await log_in(softphone, "4001", pin)
        assert softphone.recordings()[-1].loudness() > 0.02
    (request,) = codes.asked
    assert request.script.strip("/") == "login"
    assert request.args == ("4001", pin, "phone01")
    everything = b"".join(file.read_bytes() for file in (pbx.home / "log").rglob("*") if file.is_file())
    assert pin.encode() not in everything, "a PIN never stands in a log or in the record of calls"


async def test_hanging_up_while_gudok_thinks_leaves_no_pin_behind(pbx: EmbeddedPbx, settings: Settings) -> None:
    pin, asked = "80417264", asyncio.Event()

    async def think(request: AgiRequest) -> Mapping[str, str]:
        asked.set()
        await asyncio.Event().wait()
        return {}

    async with AgiServer(think) as server, phone(settings, "phone02") as softphone:
        await server.start(settings.agi_host, settings.agi_port)
        await softphone.dial("*11")
        await softphone.established()
        await softphone.send_digits("4002#")
        await softphone.send_digits(f"{pin}#")
        await asyncio.wait_for(asked.wait(), PATIENCE)
        await softphone.hang_up()
    record = (pbx.home / "log" / "cel-custom" / "gudok.csv").read_text(errors="replace")
    assert '"*11"' in record
    assert pin not in record


async def test_without_gudok_codes_say_that_the_service_is_away(pbx: EmbeddedPbx, settings: Settings) -> None:
    async with phone(settings, "phone03") as softphone:
        call = await softphone.dial("*14")
        await softphone.established(call)
        await softphone.closed(call)
        assert softphone.recordings()[-1].loudness() > 0.02


async def test_a_gudok_that_never_answers_a_code_is_given_five_seconds(settings: Settings) -> None:
    async def hold_the_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold_the_line, settings.agi_host, settings.agi_port)
    async with server, phone(settings, "phone04") as softphone:
        call = await softphone.dial("*14")
        await softphone.established(call)
        begun = time.monotonic()
        await softphone.hears_sound()
        assert time.monotonic() - begun > 4.5
        await softphone.closed(call)


async def test_without_gudok_a_colleague_is_reached_where_they_sit(settings: Settings) -> None:
    async with (
        manager(settings) as (ami, _),
        phone(settings, "phone05") as anna,
        phone(settings, "phone06") as boris,
    ):
        await ami.database_put("gudok/extension", "4005", "phone05")
        await ami.database_put("gudok/extension", "4015", "phone05")
        await ami.database_delete("gudok/extension", "4005")
        assert await ami.database("gudok/extension") == {"4015": "phone05"}
        await boris.dial("4015")
        await anna.answer(await anna.ringing())
        await boris.hang_up()
        wrong = await boris.dial("4005")
        await boris.established(wrong)
        await boris.closed(wrong)
        assert len(anna.calls) == 1, "she left 4005 when she took 4015"
        await ami.database_delete("gudok/extension", "4015")
        assert await ami.database("gudok/extension") == {}


async def test_without_gudok_the_directory_and_queues_can_be_dialed(pbx: EmbeddedPbx, settings: Settings) -> None:
    async with (
        manager(settings) as (_, native),
        phone(settings, "phone08") as anna,
        phone(settings, "doctor01") as doctor,
    ):
        call = await anna.dial("201")
        await doctor.answer(await doctor.ringing())
        await anna.established(call)
        await anna.hang_up(call)
        await anna.dial("802")
        assert (await native.until(QueueCallerJoin)).queue == "gudok-children"
        await anna.hang_up()


@pytest.mark.parametrize("target", ["201", "3999"], ids=["who does not answer", "who is not there"])
async def test_without_gudok_a_caller_transferred_in_vain_waits_again(
    pbx: EmbeddedPbx, settings: Settings, target: str
) -> None:
    async with (
        manager(settings) as (_, native),
        mirrored(pbx, "booking", "phone10") as operator,
        phone(settings, "doctor01") as doctor,
        caller(settings, OUTSIDE) as outside,
    ):
        call = await outside.dial("1300")
        await native.until(QueueCallerJoin)
        await operator.answer(await operator.ringing())
        await outside.hears_tone(440)
        transfer = asyncio.ensure_future(operator.transfer(target))
        if target == "201":
            await doctor.hang_up(await doctor.ringing())
        assert (await native.until(QueueCallerJoin)).queue == "gudok-booking"
        await transfer
        assert call.live
        await outside.hang_up(call)


async def test_with_gudok_a_dialed_number_is_gudoks(settings: Settings) -> None:
    async with router(settings) as (ari, heard), phone(settings, "phone09") as anna:
        await beat(ari)
        await anna.dial("4001")
        entered = await heard.until(StasisStart)
        assert entered.args == ["own", "phone09", "4001"]
        assert entered.channel.channelvars["GUDOK_PHONE"] == "phone09"
        await ari.channels.hangup(entered.channel.id)


async def test_without_gudok_the_transfer_key_leads_where_phones_can_dial(pbx: EmbeddedPbx, settings: Settings) -> None:
    async with (
        mirrored(pbx, "booking", "phone10") as operator,
        phone(settings, "doctor02") as doctor,
        caller(settings, OUTSIDE) as outside,
    ):
        call = await outside.dial("1300")
        await operator.answer(await operator.ringing())
        await outside.hears_tone(440)
        assert await operator.transfer("202") == 202
        await doctor.answer(await doctor.ringing())
        await operator.closed()
        await doctor.hang_up()
        assert (await outside.closed(call)).code == 200
