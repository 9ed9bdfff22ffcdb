"""Prompts: spoken by a real text-to-speech program, once."""

from __future__ import annotations

import math
import wave
from array import array
from dataclasses import replace
from pathlib import Path

import pytest

from telephony.core.plan import Plan, Prompt
from telephony.pbx.install import ensure
from telephony.pbx.programs.program import Program
from telephony.pbx.prompts import RATE, SpeechError, playable, resample, speak_prompts


@pytest.fixture(scope="module")
def espeak() -> Program:
    return ensure("espeak-ng")["espeak-ng"]


def plan_of(**prompts: str) -> Plan:
    return Plan(prompts=tuple(Prompt(name=name, text=text) for name, text in prompts.items()))


def power_at(samples: array[int], hertz: float) -> float:
    """Share of the power that lies at `hertz`."""
    turn = [2 * math.pi * hertz * n / RATE for n in range(len(samples))]
    real = sum(s * math.cos(t) for s, t in zip(samples, turn, strict=True))
    imaginary = sum(s * math.sin(t) for s, t in zip(samples, turn, strict=True))
    return 2 * (real**2 + imaginary**2) / (len(samples) * sum(s * s for s in samples))


def sine(hertz: float, rate: int, seconds: float = 0.5) -> array[int]:
    return array("h", (round(10_000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(rate * seconds))))


def spoken(plan: Plan, tmp_path: Path, espeak: Program) -> list[str]:
    """Names of the files that changed; nothing is taken from this machine's cache."""
    files = speak_prompts(plan, tmp_path / "sounds", espeak, cached=tmp_path / "cache")
    assert {file.parent for file in files} <= {tmp_path / "sounds" / "gudok"}
    return [file.name for file in files]


def test_a_text_becomes_a_file_for_the_telephone(tmp_path: Path, espeak: Program) -> None:
    assert spoken(plan_of(hello="Здравствуйте! Вы позвонили в регистратуру."), tmp_path, espeak) == ["hello.wav"]
    with wave.open(str(tmp_path / "sounds/gudok/hello.wav")) as speech:
        assert (speech.getframerate(), speech.getnchannels(), speech.getsampwidth()) == (8000, 1, 2)
        seconds = speech.getnframes() / 8000
        samples = array("h", speech.readframes(speech.getnframes()))
    assert 1.5 < seconds < 6
    assert math.sqrt(sum(s * s for s in samples) / len(samples)) > 300


def test_only_what_changed_is_put_there_again(tmp_path: Path, espeak: Program) -> None:
    assert spoken(plan_of(a="Один.", b="Два."), tmp_path, espeak) == ["a.wav", "b.wav"]
    assert spoken(plan_of(a="Один.", b="Два."), tmp_path, espeak) == []
    assert spoken(plan_of(a="Один.", b="Три."), tmp_path, espeak) == ["b.wav"]
    (tmp_path / "sounds/gudok/a.wav").unlink()
    assert spoken(plan_of(a="Один.", b="Три."), tmp_path, espeak) == ["a.wav"]


def test_no_text_is_spoken_twice(tmp_path: Path, espeak: Program) -> None:
    spoken(plan_of(a="Один."), tmp_path, espeak)
    mute = replace(espeak, argv=("false",))
    assert spoken(plan_of(a="Один.", b="Один."), tmp_path, mute) == ["b.wav"]


def test_what_the_plan_no_longer_has_goes(tmp_path: Path, espeak: Program) -> None:
    spoken(plan_of(a="Один.", b="Два."), tmp_path, espeak)
    spoken(plan_of(a="Один."), tmp_path, espeak)
    assert [file.name for file in (tmp_path / "sounds/gudok").iterdir()] == ["a.wav"]


def test_a_sound_of_the_pbx_is_not_spoken(tmp_path: Path, espeak: Program) -> None:
    plan = Plan(prompts=(Prompt(name="bye", sound="vm-goodbye"), Prompt(name="hello", text="Привет.")))
    assert spoken(plan, tmp_path, espeak) == ["hello.wav"]
    assert playable(plan, "bye") == "vm-goodbye"
    assert playable(plan, "hello") == "gudok/hello"


@pytest.mark.parametrize("argv", [("/nonexistent/espeak-ng",), ("false",), ("true",)])
def test_a_program_that_does_not_speak_is_one_clear_error(
    tmp_path: Path, espeak: Program, argv: tuple[str, ...]
) -> None:
    with pytest.raises(SpeechError, match="espeak-ng"):
        spoken(plan_of(a="Один."), tmp_path, replace(espeak, argv=argv))
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


@pytest.mark.parametrize("hertz", [300, 1000, 3000])
def test_resampling_keeps_what_a_telephone_carries(hertz: int) -> None:
    heard = resample(sine(hertz, 22_050), 22_050)
    assert len(heard) == RATE // 2
    assert power_at(heard[100:-100], hertz) > 0.98
    assert max(heard) > 8000


@pytest.mark.parametrize("hertz", [5000, 7000, 9000])
def test_resampling_lets_nothing_else_through(hertz: int) -> None:
    heard = resample(sine(hertz, 22_050), 22_050)
    assert max(map(abs, heard[100:-100])) < 1000
