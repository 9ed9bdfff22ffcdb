"""Whole lines of a file that another process appends to: by position, through rotation, truncation and absence."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

import msgspec

LONGEST_LINE = 1 << 20
FIRST_LINE = 4096
"""So much of it, at most, tells one file from another."""
_PACKED = {".gz", ".bz2", ".xz", ".zst"}


class Position(msgspec.Struct, frozen=True, order=False):
    """All before byte `offset` of this file has been read. `file`: see `identity`."""

    file: int
    offset: int


def identity(handle: BinaryIO) -> int:
    """What tells a file from the others, also from one that is made later: a new file may get the inode of one that was
    deleted, so its first line counts too, as soon as there is one. Until then it is the inode."""
    inode = os.fstat(handle.fileno()).st_ino
    first, end, _ = os.pread(handle.fileno(), FIRST_LINE, 0).partition(b"\n")
    if not end and len(first) < FIRST_LINE:
        return inode
    return int.from_bytes(blake2b(first, digest_size=8, salt=inode.to_bytes(8)).digest()) >> 1


class Tail:
    """Reads on from `position` (None: from the beginning) whenever asked, never past the last whole line.

    When the file was renamed, what is left in it comes first, then what was begun and renamed meanwhile, then the new
    file. One that became shorter is read from its beginning. Cutting a file short and letting it grow past where we
    were, between two looks, cannot be noticed: rotate by renaming.
    """

    def __init__(self, file: Path, position: Position | None = None) -> None:
        self.file = file
        self.truncations = 0
        self.lost = 0
        """Times the file that `position` named was gone, or had been packed: its rest is unread."""
        self.unreadable = 0
        """Times the file began to refuse itself: a right taken away, a sick disk. Until that is over it counts as
        absent."""
        self.trouble = ""
        """Why it cannot be read now."""
        self.overlong = 0
        """Lines without an end within LONGEST_LINE, and unfinished last lines of rotated files."""
        self.caught_up = False
        """The last look found nothing more to read."""
        self._handle: BinaryIO | None = None
        self._inode = self._identity = 0
        self._offset = 0
        self._partial = b""
        self._skipping = False
        self._wanted = position

    @property
    def position(self) -> Position | None:
        """Behind the last whole line given out; None before the first file was opened."""
        return Position(self._identity, self._offset) if self._handle else self._wanted

    def close(self) -> None:
        self._wanted = self.position
        self._let_go()
        self._partial = b""

    def _let_go(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def lines(self, limit: int) -> Iterator[tuple[Position, bytes]]:
        """Whole lines in the next `limit` bytes, each with the position where it begins."""
        data = self._try_to_read(limit)
        self.caught_up = not data
        if not data:
            return
        *whole, self._partial = (self._partial + data).split(b"\n")
        if whole and self._identity == self._inode:
            assert self._handle is not None
            self._identity = identity(self._handle)
        for line in whole:
            start = Position(self._identity, self._offset)
            self._offset += len(line) + 1
            if self._skipping:
                self._skipping = False
            else:
                yield start, line
        if len(self._partial) > LONGEST_LINE:
            self._give_up_partial()
            self._skipping = True

    def _give_up_partial(self) -> None:
        self._offset += len(self._partial)
        self._partial = b""
        self.overlong += not self._skipping

    def _try_to_read(self, limit: int) -> bytes:
        try:
            data = self._read(limit)
        except OSError as error:
            self.unreadable += not self.trouble
            self.trouble = error.strerror or type(error).__name__
            return b""
        self.trouble = ""
        return data

    def _read(self, limit: int) -> bytes:
        if self._handle is None and not self._open_first():
            return b""
        assert self._handle is not None
        if os.fstat(self._handle.fileno()).st_size < self._offset + len(self._partial):
            self.truncations += 1
            self._handle.seek(0)
            self._offset, self._partial, self._skipping = 0, b"", False
            self._identity = self._inode
        if data := self._handle.read(limit):
            return data
        while self._open_next():
            if data := self._handle.read(limit):
                return data
        return b""

    def _open_first(self) -> bool:
        """Open the file that the wanted position names, or else the current one."""
        wanted = self._wanted
        if wanted is not None:
            for path in self._siblings():
                if self._open(path, wanted.offset):
                    if wanted.file in (self._identity, self._inode):
                        return True
                    self._let_go()
        if not self._open(self.file, 0):
            return False
        self.lost += wanted is not None
        return True

    def _open_next(self) -> bool:
        """Go on to the file that followed this one, if this one has been renamed or deleted and is read out."""
        if _inode(self.file) in (None, self._inode):
            return False
        assert self._handle is not None
        if os.fstat(self._handle.fileno()).st_size > self._offset + len(self._partial):
            return False  # something came in the meantime
        since = os.fstat(self._handle.fileno()).st_mtime_ns
        paths = [path for path in self._siblings() if (_inode(path) or self._inode) != self._inode]
        later = [path for path in paths if path != self.file and _modified(path) >= since]
        if self._partial:
            self._give_up_partial()
        return self._open(min(later, key=_modified) if later else self.file, 0)

    def _open(self, path: Path, offset: int) -> bool:
        """Go over to this file; where it is not there, or raises OSError, the one before stays."""
        with contextlib.ExitStack() as undo:
            try:
                # Stays open between calls: the handle is how a renamed file is read to its end.
                handle = undo.enter_context(path.open("rb", buffering=0))
            except FileNotFoundError:
                return False
            inode, known = os.fstat(handle.fileno()).st_ino, identity(handle)
            handle.seek(offset)
            undo.pop_all()
        self._let_go()
        self._handle, self._inode, self._identity = handle, inode, known
        self._offset, self._partial, self._skipping = offset, b"", False
        return True

    def _siblings(self) -> list[Path]:
        """The file and its renamed forerunners that can still be read."""
        found = self.file.parent.glob(f"{self.file.name}*") if self.file.parent.is_dir() else []
        return [path for path in found if path.suffix not in _PACKED and path.is_file() and os.access(path, os.R_OK)]


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
