"""The PBX's configuration as it is written: complete, repeatable, closed to what config may smuggle in."""

from __future__ import annotations

import re
import shutil
import stat
from pathlib import Path

import pytest

from telephony.pbx.dialplan import posix
from telephony.pbx.render import PLACEHOLDER, PbxPaths, fill, render, write_whole
from telephony.resources import default_folder
from telephony.secrets import SecretsError
from telephony.settings import Settings, load


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    shutil.copytree(default_folder("config"), folder)
    return folder


def settings_of(folder: Path, tmp_path: Path, **env: str) -> Settings:
    return load(folder, {"GUDOK_STATE_DIR": str(tmp_path / "state"), **env})


def rendered(settings: Settings, tmp_path: Path) -> dict[str, str]:
    render(settings, tmp_path / "out")
    return {file.name: file.read_text("utf-8") for file in (tmp_path / "out").iterdir()}


def section(text: str, name: str, kind: str | None = None) -> str:
    """The lines of the section `[name]`, or of `[name](kind...)`."""
    head = rf"\[{name}\]" if kind is None else rf"\[{name}\]\({kind}[^)]*\)"
    match = re.search(rf"^{head}\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    assert match is not None, f"no section {name} {kind}"
    return match[1]


def change(folder: Path, file: str, before: str, after: str) -> None:
    text = (folder / file).read_text("utf-8")
    assert before in text
    (folder / file).write_text(text.replace(before, after, 1), "utf-8")


def test_every_template_is_filled(config: Path, tmp_path: Path) -> None:
    files = rendered(settings_of(config, tmp_path), tmp_path)
    assert set(files) == {template.name for template in default_folder("dialplan").glob("*.conf")}
    assert {name: PLACEHOLDER.findall(text) for name, text in files.items() if PLACEHOLDER.search(text)} == {}


def test_a_second_rendering_changes_nothing_and_a_change_only_its_file(config: Path, tmp_path: Path) -> None:
    settings = settings_of(config, tmp_path)
    first = render(settings, tmp_path / "out")
    assert len(first) == len(list(default_folder("dialplan").glob("*.conf")))
    assert render(settings, tmp_path / "out") == []
    change(config, "queues.yaml", "ring: 20", "ring: 25")
    assert render(settings_of(config, tmp_path), tmp_path / "out") == [tmp_path / "out" / "queues.conf"]


def test_the_files_are_for_their_owner_and_nothing_else_is_left(config: Path, tmp_path: Path) -> None:
    files = render(settings_of(config, tmp_path), tmp_path / "out")
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert set((tmp_path / "out").iterdir()) == set(files)


def test_no_default_password_is_written(config: Path, tmp_path: Path) -> None:
    one = rendered(settings_of(config, tmp_path), tmp_path)
    other = rendered(load(config, {"GUDOK_STATE_DIR": str(tmp_path / "elsewhere")}), tmp_path / "second")
    secrets = settings_of(config, tmp_path).secrets
    assert f"password = {secrets.ari_password}" in one["ari.conf"]
    assert f"secret = {secrets.ami_password}" in one["manager.conf"]
    assert f"password = {secrets.phone_password('phone07')}" in section(one["pjsip.conf"], "phone07", "gudok-auth")
    for name in ("ari.conf", "manager.conf", "pjsip.conf"):
        assert one[name] != other[name]
    everything = "".join(template.read_text() for template in default_folder("dialplan").iterdir())
    assert not re.search(r"^(password|secret) = (?!@)", everything, re.MULTILINE)


def test_labels_cannot_add_lines_or_comments(config: Path, tmp_path: Path) -> None:
    change(config, "pbx.yaml", "  phone01..phone65: {}", '  phone01..phone65: {label: a; "b" \\ c}')
    pjsip = rendered(settings_of(config, tmp_path), tmp_path)["pjsip.conf"]
    assert "callerid = \"a\\; 'b' \\\\ c\" <phone01>" in section(pjsip, "phone01", "gudok-phone")


def test_a_phone_in_a_browser(config: Path, tmp_path: Path) -> None:
    change(config, "pbx.yaml", "doctor01..doctor05: {}", "doctor01..doctor05: {webrtc: true}")
    pjsip = rendered(settings_of(config, tmp_path), tmp_path)["pjsip.conf"]
    assert section(pjsip, "doctor01", "gudok-phone-webrtc")
    assert "webrtc = yes" in section(pjsip, "gudok-phone-webrtc", "!")


def test_a_trunk_that_wants_a_login(config: Path, tmp_path: Path) -> None:
    change(config, "pbx.yaml", "contact: sip:127.0.0.1:5070", "contact: sip:192.0.2.9:5070\n    username: '1300'")
    with pytest.raises(SecretsError, match="the password of trunk city is not known; set GUDOK_TRUNK_PASSWORD_CITY"):
        rendered(settings_of(config, tmp_path), tmp_path)
    settings = settings_of(config, tmp_path, GUDOK_TRUNK_PASSWORD_CITY="theirs;1")
    pjsip = rendered(settings, tmp_path)["pjsip.conf"]
    assert "password = theirs\\;1" in section(pjsip, "city", "gudok-auth")
    assert "client_uri = sip:1300@192.0.2.9:5070" in pjsip


def test_beyond_this_machine_only_when_told(config: Path, tmp_path: Path) -> None:
    here = rendered(settings_of(config, tmp_path), tmp_path)
    assert set(re.findall(r"^(?:bind|bindaddr|media_address) = (\S+)", "".join(here.values()), re.MULTILINE)) == {
        "127.0.0.1",
        "127.0.0.1:5060",
    }
    there = rendered(
        settings_of(config, tmp_path, GUDOK_SIP_BIND="0.0.0.0", GUDOK_PUBLIC_ADDRESS="192.0.2.1"), tmp_path
    )
    assert "bind = 0.0.0.0:5060" in there["pjsip.conf"]
    assert "external_media_address = 192.0.2.1" in there["pjsip.conf"]
    assert "media_address = 0" not in there["pjsip.conf"]
    assert "bindaddr = 127.0.0.1" in there["manager.conf"]


def test_an_ipv6_address_is_written_in_brackets(config: Path, tmp_path: Path) -> None:
    files = rendered(settings_of(config, tmp_path, GUDOK_SIP_BIND="::1", GUDOK_AGI_HOST="::1"), tmp_path)
    assert "bind = [::1]:5060" in files["pjsip.conf"]
    assert "AGI(agi://[::1]:4573/login" in files["extensions.conf"]


def test_service_numbers_codes_and_fallback(config: Path, tmp_path: Path) -> None:
    extensions = rendered(settings_of(config, tmp_path), tmp_path)["extensions.conf"]
    assert "exten => 1302,1,Set(GUDOK_QUEUE=house_calls)" in section(extensions, "gudok-trunk")
    phones = section(extensions, "gudok-phones")
    assert "exten => *13,1,Set(GUDOK_ACTION=back)\n same => n,Goto(gudok-code,plain,1)" in phones
    assert "exten => _*23[0-9*#]!,1,Set(GUDOK_DIGITS=${FILTER(0-9*#,${EXTEN:3})})" in phones
    hints = section(extensions, "gudok-hints")
    assert "exten => _*24X!,hint,Stasis:hand-${EXTEN:3}" in hints
    assert "exten => 801,hint,Stasis:queue-booking" in hints
    transferred = "exten => 802,1,Set(GUDOK_QUEUED=${STRFTIME(,,%s.%3q)})\n same => n,Goto(gudok-fallback,children,1)"
    assert transferred in section(extensions, "gudok-away")
    assert "exten => 201,1,Dial(PJSIP/doctor01,30," in section(extensions, "gudok-away")
    fallback = section(extensions, "gudok-fallback")
    assert "Queue(gudok-booking,b(gudok-rung^s^1),,,${MAX(1,$[1800 - ${EPOCH} + ${GUDOK_QUEUED}])})" in fallback
    assert "Playback(gudok/welcome)" not in fallback, "a greeting must not delay a caller whom an operator could take"


def test_a_greeting_that_must_be_heard_out_is_played_natively_too(config: Path, tmp_path: Path) -> None:
    change(config, "queues.yaml", "greeting: welcome\n", "greeting: welcome\n    hear_out: true\n")
    extensions = rendered(settings_of(config, tmp_path), tmp_path)["extensions.conf"]
    fallback = section(extensions, "gudok-fallback")
    assert fallback.count("Playback(gudok/welcome)") == 1
    assert "Playback(gudok/welcome)\n same => n,GotoIf($[${EPOCH} - 0${GUDOK_BEAT} <= 2]?gudok-return," in fallback


def test_a_prompt_that_is_a_sound_of_the_pbx(config: Path, tmp_path: Path) -> None:
    change(config, "prompts.yaml", "ask-pin: Введите пин-код и решётку.", "ask-pin: {sound: agent-pass}")
    extensions = rendered(settings_of(config, tmp_path), tmp_path)["extensions.conf"]
    assert "Read(GUDOK_PIN,agent-pass,12,,1,8)" in extensions


def test_the_native_queue_follows_the_plan(config: Path, tmp_path: Path) -> None:
    queues = rendered(settings_of(config, tmp_path), tmp_path)["queues.conf"]
    house_calls = section(queues, "gudok-house_calls", "gudok-queue")
    assert {"strategy = leastrecent", "wrapuptime = 20", "weight = 10"} <= set(house_calls.splitlines())
    assert "strategy = rrmemory" in section(queues, "gudok-paid", "gudok-queue")


def test_a_music_class_of_the_site(config: Path, tmp_path: Path) -> None:
    (config / "music.yaml").write_text("music: {calm: /srv/music/calm}\n")
    change(config, "queues.yaml", "greeting: welcome\n", "greeting: welcome\n    music: calm\n")
    files = rendered(settings_of(config, tmp_path), tmp_path)
    assert "directory = /srv/music/calm" in section(files["musiconhold.conf"], "calm")
    assert "musicclass = calm" in section(files["queues.conf"], "gudok-booking", "gudok-queue")


def test_patterns_are_written_without_backslashes() -> None:
    assert posix(r"(\+7|8)[0-9]{10}\.\*") == "([+]7|8)[0-9]{10}[.][*]"


def test_fill_leaves_the_dialplan_alone() -> None:
    template = "exten => 1,1,Dial(PJSIP/${A}@trunk,${B}) ; a@b\n@none@\n@many@\nx = @one@-@one@"
    filled = fill(template, {"none": "", "many": "a\nb", "one": "1"})
    assert filled == "exten => 1,1,Dial(PJSIP/${A}@trunk,${B}) ; a@b\na\nb\nx = 1-1\n"


def test_a_placeholder_nobody_knows_stops_the_rendering() -> None:
    with pytest.raises(KeyError, match=r"pjsip\.conf: nothing is known for @typo@"):
        fill("a = @typo@", {}, "pjsip.conf")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    assert write_whole(file, "one\n")
    inode = file.stat().st_ino
    assert not write_whole(file, "one\n")
    assert file.stat().st_ino == inode
    assert write_whole(file, "two\n")
    assert file.stat().st_ino != inode, "who reads the old file goes on reading the old file"


def test_the_paths_of_an_installed_pbx() -> None:
    paths = PbxPaths.of_system()
    assert paths.etc == Path("/etc/asterisk")
    assert paths.modules.name == "modules"
