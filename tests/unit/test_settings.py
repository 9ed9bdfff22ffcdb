"""The configuration: what is read, and how every mistake is told with its line."""

from __future__ import annotations

import shutil
import socket
import stat
from pathlib import Path

import pytest

from telephony.core.plan import Farewell, Overflow, ServiceLevel
from telephony.core.staff import Operator
from telephony.resources import default_folder
from telephony.secrets import SecretsError
from telephony.settings import ConfigErrors, Settings, check, load


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the default configuration, to be spoiled."""
    folder = tmp_path / "config"
    shutil.copytree(default_folder("config"), folder)
    return folder


def settings_of(folder: Path, **env: str) -> Settings:
    return load(folder, env)


def mistakes_of(folder: Path, **env: str) -> list[str]:
    """What load() complains of, one line each, with the file's name alone."""
    with pytest.raises(ConfigErrors) as caught:
        load(folder, env)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def spoil(folder: Path, file: str, before: str, after: str) -> int:
    """Replace `before` (which must be there) in `file`; returns the line where it begins."""
    text = (folder / file).read_text("utf-8")
    assert text.count(before) >= 1, f"{before!r} is not in {file}"
    (folder / file).write_text(text.replace(before, after, 1), "utf-8")
    return text[: text.index(before)].count("\n") + 1


def write(folder: Path, file: str, text: str) -> None:
    (folder / file).write_text(text, "utf-8")


# --- what is read --------------------------------------------------------------------------------------------


def test_the_default_center_is_complete_and_without_mistakes() -> None:
    plan = settings_of(default_folder("config")).plan
    booking = plan.queues[0]
    assert (booking.name, booking.numbers, booking.transfer_number) == ("booking", ("1300",), "801")
    assert booking.service_level == ServiceLevel(percent=80, seconds=20)
    assert booking.overflow == (Overflow(after=120, add_group="seniors"),)
    assert len([phone for phone in plan.phones if phone.name.startswith("phone")]) == 65
    assert {code.code: code.action for code in plan.codes}["*11"] == "login"
    assert next(queue for queue in plan.queues if queue.name == "paid").nobody == Farewell(prompt="nobody-now")


def test_numbers_and_words_stay_what_was_written(config: Path) -> None:
    spoil(config, "queues.yaml", "numbers: [1300]", 'numbers: [007, 0x1F0, "03", 1_300]')
    told = mistakes_of(config)
    line = 7
    assert [line_ for line_ in told if "numbers" in line_] == [
        (
            f"queues.yaml:{line}: queues.booking.numbers.1: '0x1F0' is not possible; "
            "give digits, with +, * or # in front if need be"
        ),
        (
            f"queues.yaml:{line}: queues.booking.numbers.3: '1_300' is not possible; "
            "give digits, with +, * or # in front if need be"
        ),
    ]
    spoil(config, "queues.yaml", 'numbers: [007, 0x1F0, "03", 1_300]', 'numbers: [007, "03"]')
    assert settings_of(config).plan.queues[0].numbers == ("007", "03")


def test_a_label_that_yaml_would_take_for_a_truth_value_is_a_label(config: Path) -> None:
    spoil(config, "queues.yaml", "label: Запись на приём", "label: no")
    assert settings_of(config).plan.queues[0].label == "no"


@pytest.mark.parametrize(
    ("bound", "asked", "family"),
    [
        ("0.0.0.0", "pbx.local", socket.AF_INET),
        ("::", "pbx.local", socket.AF_INET6),
        ("192.0.2.7", "192.0.2.7", socket.AF_INET),
    ],
)
def test_sip_is_looked_for_where_the_pbx_serves_it(config: Path, bound: str, asked: str, family: int) -> None:
    settings = settings_of(config, GUDOK_SIP_BIND=bound, GUDOK_PBX_HOST="pbx.local")
    assert (settings.sip_address, settings.sip_family) == ((asked, 5060), family)


def test_the_environment_goes_before_the_files(config: Path, tmp_path: Path) -> None:
    settings = settings_of(
        config,
        GUDOK_SIP_PORT="5062",
        GUDOK_HTTP_PORT="18088",
        GUDOK_TIMEZONE="Europe/Moscow",
        GUDOK_STATE_DIR=str(tmp_path / "state"),
        GUDOK_LOG_FORMAT="json",
        GUDOK_AMI_PORT="",
        HOME="/nowhere",
    )
    assert (settings.sip_port, settings.ari_url) == (5062, "http://127.0.0.1:18088")
    assert settings.plan.timezone == "Europe/Moscow"
    assert settings.ami_port == 5038, "an empty variable is none"
    assert settings.log_format == "json"
    assert settings.state_dir == tmp_path / "state"
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/state/gudok.sqlite"
    assert settings.cel_file == tmp_path / "state/pbx/log/cel-custom/gudok.csv"


def test_keys_may_stand_in_any_file(config: Path) -> None:
    pbx = (config / "pbx.yaml").read_text("utf-8")
    (config / "pbx.yaml").unlink()
    write(config, "site.yaml", pbx)
    assert settings_of(config).plan.trunks[0].name == "city"


def test_a_path_in_a_file_is_relative_to_the_config_directory(config: Path) -> None:
    spoil(config, "gudok.yaml", "log_format: console", "log_format: console\nstate_dir: ../state")
    assert settings_of(config).state_dir == config.parent / "state"


def test_reading_leaves_nothing_behind(config: Path, tmp_path: Path) -> None:
    settings_of(config, GUDOK_STATE_DIR=str(tmp_path / "state"))
    assert not (tmp_path / "state").exists()


# --- mistakes ------------------------------------------------------------------------------------------------


def test_an_unknown_key_names_the_nearest_one(config: Path) -> None:
    line = spoil(config, "queues.yaml", "wrap_up: 10", "wrapup: 10")
    assert mistakes_of(config) == [
        f"queues.yaml:{line}: queues.booking: wrapup is not a known key; did you mean wrap_up?"
    ]


def test_an_unknown_key_of_the_top_level(config: Path) -> None:
    line = spoil(config, "directory.yaml", "outbound:", "outbund:")
    assert mistakes_of(config) == [f"directory.yaml:{line}: outbund is not a known key; did you mean outbound?"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("to_queue: booking", "to_queue: bookings", "no queue is called bookings; did you mean booking?"),
        ("add_group: seniors", "add_group: senior", "no group is called senior; did you mean seniors?"),
        ("greeting: welcome\n", "greeting: welcom\n", "no prompt is called welcom; did you mean welcome?"),
        ("nobody: nobody-now", "nobody: nobody", "no prompt is called nobody; did you mean nobody-now?"),
        ("priority: 10", "music: jazz", "no music class is called jazz; known: default"),
        ("strategy: longest_idle", "strategy: idle", "'idle' is not possible; give one of longest_idle, "),
        ("ring: 20", "ring: -5", "'-5' is not possible; give whole seconds, 1 to 600"),
        ("wrap_up: 10", "wrap_up: -1", "'-1' is not possible; give whole seconds, 0 to 86400"),
        ("wrap_up: 10", "wrap_up: 1.5", "'1.5' is not possible; give whole seconds, 0 to 86400"),
        ("wrap_up: 10", "hear_out: yes", "'yes' is not possible; give true or false"),
        ("{booking: 1}", "{booking: 10}", "'10' is not possible; give a skill level, 1 to 9"),
        ("label: Запись на приём\n    ", "", "queues.booking: label is missing"),
        ("numbers: [1300]", "numbers: 1300", "'1300' stands where a list belongs; [a, b]"),
        ("to_queue: booking", "hang_up: {}", "queues.results.overflow.0.hang_up: prompt is missing"),
        ("to_queue: booking", "hang_up: bye", "no prompt is called bye"),
    ],
)
def test_one_wrong_value_is_one_line(config: Path, before: str, after: str, told: str) -> None:
    spoil(config, "queues.yaml", before, after)
    (line,) = mistakes_of(config)
    assert line.startswith("queues.yaml:")
    assert told in line


def test_a_reference_to_an_unknown_phone_or_trunk(config: Path) -> None:
    phone = spoil(config, "directory.yaml", "phone: doctor05", "phone: doctor06")
    trunk = spoil(config, "directory.yaml", "trunk: city", "trunk: ctiy")
    assert mistakes_of(config) == [
        f"directory.yaml:{phone}: directory.205.phone: no phone is called doctor06; did you mean doctor05?",
        f"directory.yaml:{trunk}: outbound.0.trunk: no trunk is called ctiy; did you mean city?",
    ]


def test_two_queues_with_one_number(config: Path) -> None:
    line = spoil(config, "queues.yaml", "numbers: [1301]", "numbers: [1301, 1300]")
    (told,) = mistakes_of(config)
    assert told.startswith(
        f"queues.yaml:{line}: queues.children.numbers.1: 1300 belongs to queue booking already (queues.yaml:"
    )


@pytest.mark.parametrize(
    ("file", "before", "after"), [("codes.yaml", '"*14"', "201"), ("directory.yaml", "201:", "802:")]
)
def test_codes_directory_and_queues_share_one_set_of_numbers(config: Path, file: str, before: str, after: str) -> None:
    spoil(config, file, before, after)
    (told,) = mistakes_of(config)
    assert "belongs to" in told


def test_a_queue_may_be_transferred_to_by_its_own_service_number(config: Path) -> None:
    spoil(config, "queues.yaml", "transfer_number: 801", "transfer_number: 1300")
    assert settings_of(config).plan.queues[0].transfer_number == "1300"


def test_overflow_in_a_circle_is_told_once_with_its_way(config: Path) -> None:
    spoil(config, "queues.yaml", "add_group: seniors\n\n  children", "to_queue: results\n\n  children")
    (told,) = mistakes_of(config)
    assert told.endswith(
        "queues.booking.overflow: overflow runs in a circle: booking -> results -> booking; "
        "let one of them end elsewhere"
    )


def test_overflow_to_itself_is_a_circle(config: Path) -> None:
    spoil(config, "queues.yaml", "to_queue: booking", "to_queue: results")
    (told,) = mistakes_of(config)
    assert "results -> results" in told


def test_overflow_steps_must_rise_and_be_reached(config: Path) -> None:
    spoil(config, "queues.yaml", "after: 180", "after: 60")
    spoil(config, "queues.yaml", "after: 300", "after: 900")
    spoil(config, "queues.yaml", "after: 120\n", "after: 120\n        to_queue: paid\n")
    told = mistakes_of(config)
    assert [line.split(": ", 2)[2] for line in told] == [
        "has add_group and to_queue; give one of require, add_group, to_queue, hang_up",
        "after 60 follows after 60; let the steps rise in time",
        "after 900 is never reached: max_wait is 900; give an earlier step or a longer max_wait",
    ]


def test_a_step_after_the_caller_has_left_is_never_reached(config: Path) -> None:
    after = "to_queue: booking\n      - after: 400\n        add_group: seniors\n"
    spoil(config, "queues.yaml", "to_queue: booking\n", after)
    (told,) = mistakes_of(config)
    assert "never reached: the step before ends with to_queue" in told


def test_a_name_that_stands_twice(config: Path) -> None:
    line = spoil(config, "queues.yaml", "  children:", "  booking:")
    (told,) = mistakes_of(config)
    assert told == f"queues.yaml:{line}: queues: booking stands here twice; keep one of them"


def test_a_phone_in_two_ranges(config: Path) -> None:
    line = spoil(config, "pbx.yaml", "  doctor01..doctor05", "  phone65..phone70: {}\n  doctor01..doctor05")
    assert mistakes_of(config) == [f"pbx.yaml:{line}: phones: phone65 stands here twice; keep one of them"]


@pytest.mark.parametrize("key", ["phone01..fone65", "phone09..phone1", "phone9..phone1", "phone..65"])
def test_a_range_that_is_none(config: Path, key: str) -> None:
    spoil(config, "pbx.yaml", "phone01..phone65", key)
    (told,) = mistakes_of(config)
    assert told.endswith("a range looks like phone01..phone65")


def test_a_key_in_two_files(config: Path) -> None:
    write(config, "more.yaml", "\nqueues: {}\n")
    (told,) = mistakes_of(config)
    assert told == "queues.yaml:4: queues stands in more.yaml:2 too; keep one of them"


def test_a_time_zone_and_a_language_that_do_not_exist(config: Path) -> None:
    assert mistakes_of(config, GUDOK_TIMEZONE="Asia/Sachalin", GUDOK_LANGUAGE="de") == [
        "environment variable GUDOK_LANGUAGE: language: no language is called de; known: en, ru",
        (
            "environment variable GUDOK_TIMEZONE: timezone: no time zone is called Asia/Sachalin; "
            "did you mean Asia/Sakhalin?"
        ),
    ]


def test_an_unknown_variable_of_ours(config: Path) -> None:
    assert mistakes_of(config, GUDOK_SIPPORT="5061") == [
        "environment variable GUDOK_SIPPORT: is not known; did you mean GUDOK_SIP_PORT?"
    ]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [("(8[0-9]{10}", "is no regular expression"), (r"8\d{10}", "would not be understood by the PBX")],
)
def test_an_outbound_pattern_must_be_understood_by_all(config: Path, pattern: str, told: str) -> None:
    spoil(config, "directory.yaml", "'1[0-9]{2}'", f"'{pattern}'")
    (line,) = mistakes_of(config)
    assert told in line


def test_what_operators_hear_at_their_codes_must_be_there(config: Path) -> None:
    spoil(config, "prompts.yaml", "  wrong-pin: Неверный номер или пин-код.\n", "")
    (told,) = mistakes_of(config)
    assert "wrong-pin is missing" in told


@pytest.mark.parametrize("url", ["mysql://gudok:secret@db/gudok", "postgresql+asyncpg://gudok:secret@[db"])
def test_a_database_that_cannot_be_used_is_told_with_all_else(config: Path, url: str) -> None:
    write(config, "site.yaml", f"database_url: '{url}'\n")
    spoil(config, "queues.yaml", "priority: 10", "priority: 1000")
    database, queue = sorted(mistakes_of(config), key=lambda told: "queues.yaml" in told)
    assert database.startswith("site.yaml:1: database_url: ")
    assert "secret" not in database
    assert queue.startswith("queues.yaml:")


def test_trunks_and_addresses(config: Path) -> None:
    spoil(config, "pbx.yaml", "match: [127.0.0.1]", "match: [300.0.0.1]")
    spoil(config, "pbx.yaml", "sip:127.0.0.1:5070", "127.0.0.1")
    spoil(config, "pbx.yaml", "http_bind: 127.0.0.1", "http_bind: 127.0.0")
    spoil(config, "pbx.yaml", "rtp_to: 20000", "rtp_to: 10001")
    spoil(config, "pbx.yaml", "agi_port: 4573", "agi_port: 5038")
    told = "\n".join(mistakes_of(config))
    for what in (
        "neither an IP address",
        "no SIP address",
        "http_bind: '127.0.0'",
        "leaves no ports",
        "is the port of",
    ):
        assert what in told


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("sip_port: 5060", "sip_port: 8088", "sip_port: 8088 is the port of http_port too"),
        ("sip_port: 5060", "sip_port: 10000", "sip_port: 10000 is among the ports of media, 10000 to 20000"),
        ("rtp_from: 10000", "rtp_from: 5000", "sip_port: 5060 is among the ports of media, 5000 to 20000"),
    ],
)
def test_sip_has_a_port_of_its_own_for_tcp_and_for_udp(config: Path, before: str, after: str, told: str) -> None:
    """HTTP takes TCP, as SIP does beside UDP; media takes UDP."""
    spoil(config, "pbx.yaml", before, after)
    (line,) = mistakes_of(config)
    assert told in line


@pytest.mark.parametrize("name", ["h", "i", "t", "s", "h-"])
def test_a_queue_is_not_named_as_the_pbx_names_its_own_extensions(config: Path, name: str) -> None:
    """Every hang-up would run through the queue called h."""
    line = spoil(config, "queues.yaml", "  paid:", f"  {name}:")
    (told,) = mistakes_of(config)
    assert told.startswith(f"queues.yaml:{line}: queues.{name}: to the PBX the letter {name[0]} alone has a meaning")


def test_two_queues_that_differ_in_hyphens_are_one_to_the_pbx(config: Path) -> None:
    spoil(config, "queues.yaml", "  results:", "  pa-id:")
    line = spoil(config, "queues.yaml", "  paid:", "  paid:")
    assert mistakes_of(config) == [
        f"queues.yaml:{line}: queues.paid: to the PBX, which passes over hyphens, this is pa-id; give another name"
    ]


def test_the_path_of_a_socket_has_an_end(config: Path) -> None:
    (told,) = mistakes_of(config, GUDOK_STATE_DIR="/" + "deep/" * 30)
    assert "longer than the 107 bytes" in told


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines(config: Path) -> None:
    for before, after in [("ring: 20", "rinng: 20"), ("priority: 10", "priority: high"), ("{senior: 1}", "{}")]:
        spoil(config, "queues.yaml", before, after)
    told = mistakes_of(config)
    assert len(told) == 3
    lines = [int(line.split(":")[1]) for line in told]
    assert lines == sorted(lines)


def test_a_file_that_is_not_yaml(config: Path) -> None:
    write(config, "codes.yaml", "codes:\n  *11: login\n")
    assert mistakes_of(config) == [
        "codes.yaml:2: not YAML: found undefined alias '11'; text that begins with * must stand in quotes: \"*11\""
    ]


def test_a_file_that_cannot_be_read_does_not_hide_the_mistakes_of_the_others(config: Path) -> None:
    write(config, "prompts.yaml", "prompts: [a\n")
    ring = spoil(config, "queues.yaml", "ring: 20", "ring: -5")
    to_queue = spoil(config, "queues.yaml", "to_queue: booking", "to_queue: bookings")
    assert [line.split("; ")[0] for line in mistakes_of(config)] == [
        "prompts.yaml:2: not YAML: expected ',' or ']', but got '<stream end>'",
        f"queues.yaml:{ring}: queues.booking.ring: '-5' is not possible",
        f"queues.yaml:{to_queue}: queues.results.overflow.0.to_queue: no queue is called bookings",
    ]


@pytest.mark.parametrize("text", ["\n" + "[" * 5000, "\n" + "[" * 5000 + "]" * 5000, "\na: " + "{a: " * 5000])
def test_a_file_that_is_nested_without_end(config: Path, text: str) -> None:
    write(config, "zzz.yaml", text)
    assert mistakes_of(config) == ["zzz.yaml:2: is nested too deeply"]


def test_a_name_that_is_not_possible_says_which_would_be(config: Path) -> None:
    line = spoil(config, "queues.yaml", "  booking:", "  Booking:")
    phone = spoil(config, "pbx.yaml", "phone01..phone65", "Phone01..Phone65")
    right = "give small Latin letters first, then digits, _ or -"
    told = mistakes_of(config)
    assert f"queues.yaml:{line}: queues: 'Booking' is not possible; {right}" in told
    assert f"pbx.yaml:{phone}: phones: 'Phone01..Phone65' is not possible; {right}" in told


def test_a_long_value_is_repeated_in_part(config: Path) -> None:
    for before in ("ring: 20", "to_queue: booking"):
        spoil(config, "queues.yaml", before, before.split(":")[0] + ": " + "x" * 3000)
    spoil(config, "queues.yaml", "wrap_up: 10", "y" * 3000 + ": 10")
    for line in mistakes_of(config):
        assert len(line) < 300


def test_files_that_cannot_be_understood_cost_a_line_each(config: Path) -> None:
    (config / "codes.yaml").write_bytes(b"\xff\xfe\x00")
    write(config, "directory.yaml", "- a\n- b\n")
    write(config, "prompts.yaml", "prompts: [a, {b: c}]\n")
    write(config, "queues.yaml", "queues:\n  ? [1, 2]\n  : {}\n")
    write(config, "gudok.yml", "")
    files = [line.split(":")[0] for line in mistakes_of(config)]
    assert files == ["codes.yaml", "directory.yaml", "gudok.yml", "prompts.yaml", "queues.yaml"]


def test_yaml_that_bites_its_tail(config: Path) -> None:
    write(config, "queues.yaml", "queues: &all\n  booking: *all\n")
    told = mistakes_of(config)
    assert any("booking is not a known key" in line for line in told)


def test_no_config_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"no \*.yaml file is there; name the config directory"):
        load(tmp_path / "missing", {})


# --- beside the roster ---------------------------------------------------------------------------------------


def operator(login: str, extension: str, **skills: int) -> Operator:
    return Operator(login=login, name=login, extension=extension, skills=skills)


def able(extension: str = "4001") -> Operator:
    return operator("able", extension, booking=9, children=9, house_calls=9, results=9, paid=9, senior=9, head=9)


def test_a_skill_nobody_has(config: Path) -> None:
    line = spoil(config, "queues.yaml", "require: {paid: 1}", "require: {payed: 1}")
    settings = settings_of(config)
    assert check(settings, []) == [], "a fresh installation has no operators yet"
    assert [str(mistake).replace(f"{config}/", "") for mistake in check(settings, [able()])] == [
        f"queues.yaml:{line}: queues.paid.require: no operator has the skill payed; did you mean paid?"
    ]


def test_a_level_nobody_has(config: Path) -> None:
    settings = settings_of(config)
    weak = operator("weak", "4002", booking=2, children=1, house_calls=1, results=1, paid=1, senior=1, head=1)
    (mistake,) = check(settings, [weak])
    assert "queues.children.overflow.0.require: no operator has booking at level 3; the best have 2" in str(mistake)


def test_an_extension_that_is_taken(config: Path) -> None:
    (mistake,) = check(settings_of(config), [able("201")])
    assert "201 is the extension of operator able too" in str(mistake)


def test_a_login_nobody_bears(config: Path) -> None:
    spoil(config, "queues.yaml", "require: {senior: 1}", "logins: [able, abel]")
    (mistake,) = check(settings_of(config), [able()])
    assert "no operator has the login abel; did you mean able?" in str(mistake)


# --- secrets -------------------------------------------------------------------------------------------------


def test_secrets_are_made_once_and_only_for_their_owner(config: Path, tmp_path: Path) -> None:
    first = settings_of(config, GUDOK_STATE_DIR=str(tmp_path / "state")).secrets
    again = settings_of(config, GUDOK_STATE_DIR=str(tmp_path / "state")).secrets
    assert first == again
    file = tmp_path / "state" / "secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = settings_of(config, GUDOK_STATE_DIR=str(tmp_path / "other")).secrets
    assert other.ari_password != first.ari_password
    assert first.ari_password not in repr(first)


def test_each_phone_has_a_password_of_its_own_that_stays(config: Path, tmp_path: Path) -> None:
    secrets = settings_of(config, GUDOK_STATE_DIR=str(tmp_path / "state")).secrets
    passwords = {secrets.phone_password(phone) for phone in ("phone01", "phone02")}
    assert len(passwords) == 2
    assert secrets.phone_password("phone01") in passwords


def test_the_environment_may_give_secrets(config: Path, tmp_path: Path) -> None:
    env = {"GUDOK_ARI_PASSWORD": "given", "GUDOK_TRUNK_PASSWORD_CITY": "theirs"}
    secrets = settings_of(config, GUDOK_STATE_DIR=str(tmp_path), **env).secrets
    assert secrets.ari_password == "given"
    assert "given" not in repr(settings_of(config, **env))
    assert secrets.trunk_password("city") == "theirs"
    with pytest.raises(SecretsError, match="set GUDOK_TRUNK_PASSWORD_FAR_OFF"):
        secrets.trunk_password("far-off")


def test_secrets_that_others_can_read_are_refused(config: Path, tmp_path: Path) -> None:
    settings_of(config, GUDOK_STATE_DIR=str(tmp_path)).secrets  # noqa: B018 - makes the file
    (tmp_path / "secrets.json").chmod(0o644)
    with pytest.raises(SecretsError, match=r"can be read by others \(mode 0644\); chmod 600"):
        settings_of(config, GUDOK_STATE_DIR=str(tmp_path)).secrets  # noqa: B018


def test_a_damaged_secrets_file_is_not_replaced(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text("{")
    file.chmod(0o600)
    with pytest.raises(SecretsError, match="is damaged"):
        settings_of(config, GUDOK_STATE_DIR=str(tmp_path)).secrets  # noqa: B018
    assert file.read_text() == "{"
