"""Prompts: texts of the plan, spoken once into sound files of the PBX.

What was spoken is kept in the cache under a hash of voice and text, so that no text is spoken twice on a machine.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import subprocess
import sys
import wave
from array import array
from functools import cache
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING

from telephony.core.plan import Plan

if TYPE_CHECKING:
    from telephony.pbx.programs.program import Program

FOLDER = "gudok"
"""Of the prompts below the PBX's sounds."""
RATE = 8000
"""Samples per second on the telephone."""
TAPS = 24
"""Samples of the speech that one sample on the telephone is made of."""
VOICES = {"ru": ("-v", "ru", "-s", "150"), "en": ("-v", "en", "-s", "150")}
SPEECH_SECONDS = 30


class SpeechError(Exception):
    """A prompt could not be spoken. One line, with what the program said."""


def playable(plan: Plan, name: str) -> str:
    """What Playback() and `sound:` take for the prompt `name` of `plan`."""
    prompt = next((prompt for prompt in plan.prompts if prompt.name == name), None)
    return prompt.sound if prompt is not None and prompt.sound is not None else f"{FOLDER}/{name}"


def speak_prompts(plan: Plan, sounds: Path, espeak: Program, cached: Path | None = None) -> list[Path]:
    """Put every prompt with a text, and the labels of the outcomes, into `sounds`/gudok, spoken; returns the files
    that changed. What the plan no longer has goes.

    The files are WAV, 8 kHz, mono, 16 bit. `cached` is where speech is kept. Raises SpeechError.
    """
    folder, cached = sounds / FOLDER, cached or _speech_cache(sounds)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {f"{outcome.prompt}.wav": outcome.label for outcome in plan.outcomes}
    texts |= {f"{prompt.name}.wav": prompt.text for prompt in plan.prompts if prompt.text is not None}
    for stray in folder.iterdir():
        if stray.name not in texts:
            stray.unlink()
    changed = []
    for name, text in texts.items():
        speech = _spoken(text, VOICES[plan.language], espeak, cached).read_bytes()
        file = folder / name
        if not file.exists() or file.read_bytes() != speech:
            draft = folder / f"{name}.{os.getpid()}"
            draft.write_bytes(speech)
            draft.replace(file)
            changed.append(file)
    return changed


def _speech_cache(sounds: Path) -> Path:
    """The cache of this user; one made by root for all may be read only, then speech is kept beside the sounds."""
    from telephony.pbx.programs.bundles import cache_dir  # the router only asks what is playable

    shared = cache_dir() / "speech"
    try:
        shared.mkdir(parents=True, exist_ok=True)
    except OSError:
        return sounds.parent / "speech"
    return shared if os.access(shared, os.W_OK) else sounds.parent / "speech"


def _spoken(text: str, voice: tuple[str, ...], espeak: Program, cached: Path) -> Path:
    """The text as a sound file in the cache."""
    mark = hashlib.sha256("\0".join([*voice, str(RATE), espeak.version, text]).encode()).hexdigest()
    file = cached / f"{mark[:32]}.wav"
    if not file.exists():
        cached.mkdir(parents=True, exist_ok=True)
        samples, rate = _speech(text, voice, espeak)
        draft = cached / f"{file.name}.{os.getpid()}"
        with wave.open(str(draft), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(_little_endian(resample(samples, rate)).tobytes())
        draft.replace(file)
    return file


def _speech(text: str, voice: tuple[str, ...], espeak: Program) -> tuple[array[int], int]:
    """The text as samples, and how many of them make a second."""
    command = [*espeak.argv, *voice, "--stdin", "--stdout"]
    try:
        done = subprocess.run(
            command,
            input=text.encode(),
            env={**os.environ, **espeak.env},
            capture_output=True,
            timeout=SPEECH_SECONDS,
            check=True,
        )
        with wave.open(io.BytesIO(done.stdout), "rb") as spoken:
            samples = array("h", spoken.readframes(spoken.getnframes()))
            return _little_endian(samples), spoken.getframerate()
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise SpeechError(f"{espeak.name} ended with {error.returncode}: {said[-1] if said else ''}") from error
    except (OSError, subprocess.TimeoutExpired, wave.Error, EOFError, ValueError) as error:
        raise SpeechError(f"{espeak.name} spoke nothing that can be used: {error}") from error


def _little_endian(samples: array[int]) -> array[int]:
    """WAV is little-endian, the machine perhaps not; turns either way."""
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


# --- from the rate of the speech to that of the telephone -----------------------------------------------------


def resample(samples: array[int], rate: int) -> array[int]:
    """`samples` at `rate` per second as samples at RATE, without what a telephone cannot carry."""
    divisor = math.gcd(rate, RATE)
    up, down = RATE // divisor, rate // divisor
    kernels = kernels_for(up, rate)
    padded = [0] * (TAPS // 2) + samples.tolist() + [0] * TAPS
    made = array("h")
    for index in range(len(samples) * up // down):
        start, phase = divmod(index * down, up)
        value = sum(map(mul, kernels[phase], padded[start + 1 : start + 1 + TAPS]))
        made.append(max(-32768, min(32767, round(value))))
    return made


@cache
def kernels_for(phases: int, rate: int) -> list[list[float]]:
    """A low-pass filter (a sinc under a Hann window) for each place a wanted sample can have between two given."""
    cutoff = min(1.0, 0.92 * RATE / rate)
    kernels = []
    for phase in range(phases):
        distances = [tap + 1 - TAPS // 2 - phase / phases for tap in range(TAPS)]
        kernel = [_sinc(cutoff * d) * (0.5 + 0.5 * math.cos(2 * math.pi * d / (TAPS + 1))) for d in distances]
        kernels.append([weight / sum(kernel) for weight in kernel])
    return kernels


def _sinc(x: float) -> float:
    return 1.0 if x == 0 else math.sin(math.pi * x) / (math.pi * x)
