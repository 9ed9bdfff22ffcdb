"""A disk that can be full: a small tmpfs where we are root, else a limit on how far the router's files may grow."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

MEGABYTES = 96
"""Room for the journal's spool, which takes its 64 in advance, and a young database."""


class SmallDisk:
    """`state` is a state directory on it; the PBX, whose own record must go on, has its folder elsewhere."""

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self._disk = folder / "disk"
        self._mounted = mounted
        self.state = self._disk / "state"
        self.state.mkdir(parents=True)
        (folder / "pbx").mkdir()
        (self.state / "pbx").symlink_to(folder / "pbx")
        self.how = "tmpfs" if mounted else "file size limit"

    @classmethod
    @contextmanager
    def make(cls) -> Iterator[SmallDisk]:
        with TemporaryDirectory(prefix="gudok-disk-") as name:
            disk = Path(name) / "disk"
            disk.mkdir()
            mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "gudok-chaos", str(disk)]
            mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
            try:
                yield cls(Path(name), mounted=mounted)
            finally:
                if mounted:
                    subprocess.run(["umount", "--lazy", str(disk)], check=True)

    @asynccontextmanager
    async def full(self, pid: int) -> AsyncIterator[None]:
        """Inside, process `pid` finds no room."""
        if self._mounted:
            filler = self._disk / "filler"
            await asyncio.to_thread(fill, filler)
            yield
            filler.unlink()
        else:
            size = max(file.stat().st_size for file in self.state.glob("gudok.sqlite*"))
            before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            yield
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def fill(file: Path) -> None:
    """Until not one byte more fits."""
    with file.open("wb", buffering=0) as out:
        for size in (1024 * 1024, 4096, 1):
            try:
                while True:
                    out.write(b"\0" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
