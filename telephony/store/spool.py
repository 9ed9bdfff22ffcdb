"""The file that takes journal entries while the database does not.

Its whole size is reserved when it is made, so that it still takes entries when the disk is full. Layout:

    header  8 bytes "GUDOKSP1", 8 bytes generation (little endian)
    frame   4 bytes length, 4 bytes CRC-32 (of the generation and the payload), payload: a Line in MessagePack

The first frame that does not check ends the file: a torn write, or the rest of an older generation.
All methods block on the disk: not for the loop's thread.
"""

from __future__ import annotations

import os
import struct
from binascii import crc32
from collections.abc import Sequence
from pathlib import Path

import msgspec

from telephony.store.calllog import Line

MAGIC = b"GUDOKSP1"
HEADER = struct.Struct("<8sQ")
FRAME = struct.Struct("<II")
LIMIT = 64 * 1024 * 1024
"""Default size in bytes: some 80,000 entries."""
_READ_BYTES = 1024 * 1024


class Spool:
    """`end` is where the next frame goes, `last_seq` the last entry in the file (0: none)."""

    start = HEADER.size

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self.path = path
        self.limit = limit
        self.end = self.start
        self.last_seq = 0
        self.entries = 0
        self._file = -1
        self._generation = 0
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Line)

    @property
    def empty(self) -> bool:
        return self.end == self.start

    def open(self) -> None:
        """Make the file, or find the entries that an earlier life left in it. Raises OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        header = os.pread(self._file, HEADER.size, 0)
        if len(header) == HEADER.size and header.startswith(MAGIC):
            self._generation = HEADER.unpack(header)[1]
            self._find_end()
        else:
            self._begin_generation(1)
        self._reserve()

    def append(self, lines: Sequence[Line]) -> int:
        """Write entries and wait for the disk. Answers how many of them fitted in.

        Raises OSError, and then the file holds none of them.
        """
        frames, room, taken = [], self.limit - self.end, 0
        for line in lines:
            frame = self._frame(line)
            room -= len(frame)
            if room < 0:
                break
            frames.append(frame)
            taken += 1
        if taken:
            data = b"".join(frames)
            self._write(data, self.end)
            self.end += len(data)
            self.last_seq = lines[taken - 1].seq
            self.entries += taken
        return taken

    def read(self, offset: int, most: int) -> tuple[list[Line], int]:
        """Up to `most` entries from `offset` (first: `start`), and the offset behind them."""
        data = os.pread(self._file, min(_READ_BYTES, self.end - offset), offset)
        lines, position = self._frames(data, most)
        if not lines and len(data) == _READ_BYTES:
            length, _ = FRAME.unpack_from(data)
            whole = FRAME.size + length
            if _READ_BYTES < whole <= self.end - offset:
                lines, position = self._frames(os.pread(self._file, whole, offset), 1)
        return lines, offset + position

    def clear(self) -> None:
        """Forget all entries: they are in the database."""
        self._begin_generation(self._generation + 1)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # --- the bytes -------------------------------------------------------------------------------------

    def _frame(self, line: Line) -> bytes:
        payload = self._encoder.encode(line)
        return FRAME.pack(len(payload), self._checksum(payload)) + payload

    def _checksum(self, payload: bytes) -> int:
        return crc32(payload, self._generation & 0xFFFFFFFF)

    def _frames(self, data: bytes, most: int) -> tuple[list[Line], int]:
        lines: list[Line] = []
        position = 0
        while len(lines) < most and position + FRAME.size <= len(data):
            length, checksum = FRAME.unpack_from(data, position)
            payload = data[position + FRAME.size : position + FRAME.size + length]
            if length == 0 or len(payload) < length or self._checksum(payload) != checksum:
                break
            lines.append(self._decoder.decode(payload))
            position += FRAME.size + length
        return lines, position

    def _find_end(self) -> None:
        size = os.fstat(self._file).st_size
        self.end = max(size, self.start)
        offset = self.start
        while True:
            lines, behind = self.read(offset, 1000)
            if not lines:
                break
            self.last_seq = lines[-1].seq
            self.entries += len(lines)
            offset = behind
        self.end = offset

    def _begin_generation(self, generation: int) -> None:
        self._write(HEADER.pack(MAGIC, generation), 0)
        self._generation = generation
        self.end, self.last_seq, self.entries = self.start, 0, 0

    def _write(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, offset)
            view, offset = view[written:], offset + written
        os.fdatasync(self._file)

    def _reserve(self) -> None:
        """Take the room now, while the disk has it; on a small disk at most a quarter of what is free."""
        size, disk = os.fstat(self._file).st_size, os.fstatvfs(self._file)
        room = min(self.limit, size + disk.f_bavail * disk.f_frsize // 4)
        if room > size:
            os.posix_fallocate(self._file, 0, room)
            os.fsync(self._file)
