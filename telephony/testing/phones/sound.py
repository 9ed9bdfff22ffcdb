"""What a phone heard: is it silence, a tone, whose tone?"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Sequence
from pathlib import Path

import msgspec

_HEADER = 44


class Recording(msgspec.Struct, frozen=True):
    """Received audio: 16 bit mono `samples` at `rate` per second."""

    rate: int
    samples: Sequence[int]

    @classmethod
    def read(cls, path: Path, start: int = 0) -> Recording:
        """Read a 16 bit mono wav file with a plain header, also one still being written (whose header knows no
        length yet); from byte `start` of the file on."""
        data = path.read_bytes()
        samples = array("h")
        samples.frombytes(data[max(start // 2 * 2, _HEADER) : len(data) // 2 * 2])
        return cls(int.from_bytes(data[24:28], "little") or 8000, samples)

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    @classmethod
    def nothing(cls) -> Recording:
        return cls(8000, array("h"))

    def loudness(self, start: float = 0.0, end: float | None = None) -> float:
        """Root mean square of the part from `start` to `end` seconds, 0 to 1; below 0.003 is silence on a line."""
        part = self._part(start, end)
        return math.sqrt(sum(s * s for s in part) / len(part)) / 32768 if part else 0.0

    def tone(self, hertz: int, start: float = 0.0, end: float | None = None) -> float:
        """Share of the part's power that lies at `hertz` (Goertzel's algorithm): about 1 for that pure tone, about 0
        for silence, speech or another tone."""
        part = self._part(start, end)
        power = sum(s * s for s in part)
        if not power:
            return 0.0
        turn = 2 * math.cos(2 * math.pi * hertz / self.rate)
        one = two = 0.0
        for sample in part:
            one, two = sample + turn * one - two, one
        return 2 * (one * one + two * two - turn * one * two) / (power * len(part))

    def _part(self, start: float, end: float | None) -> Sequence[int]:
        last = len(self.samples) if end is None else int(end * self.rate)
        return self.samples[int(start * self.rate) : last]


def alaw_tone(hertz: int, seconds: int) -> bytes:
    """A sine at half of full scale as a wav file of 8 kHz A-law (G.711), which SIPp sends as it is."""
    samples = (int(16384 * math.sin(2 * math.pi * hertz * n / 8000)) for n in range(8000 * seconds))
    data = bytes(_alaw(sample) for sample in samples)
    layout = struct.pack("<HHIIHHH", 6, 1, 8000, 8000, 1, 8, 0)
    chunks = b"fmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def _alaw(sample: int) -> int:
    """One 16 bit sample as A-law: sign, segment, four bits within the segment, even bits inverted (ITU-T G.711)."""
    mask, magnitude = (0xD5, sample >> 3) if sample >= 0 else (0x55, (-sample - 1) >> 3)
    segment = max(0, magnitude.bit_length() - 5)
    return (segment << 4 | magnitude >> max(1, segment) & 0x0F) ^ mask
