"""A small disk for the local AWS that can be filled: memory, mounted in a namespace that nobody else sees."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

__all__ = ["Disk"]

ROOM_MIB = 256
"""Room beside what is there: for the days that are played, and for their jobs."""

_HOLD = 'mount -t tmpfs -o "size=$0m" disk "$2" && cp -a "$1/." "$2" && echo ready && exec cat'
_FILL = """for size in 64k 4k; do
  dd if=/dev/zero of="$0/filler" bs=$size conv=notrunc oflag=append 2> /dev/null
done
true"""


class Disk:
    """Takes the place of a folder, with its content.

    Parameters
    ----------
    folder
        The folder; only programs started with ``prefix`` see the disk there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        under = self.folder.with_name(f"{self.folder.name}-before")
        self.folder.rename(under)
        self.folder.mkdir()
        used = sum(path.stat().st_size for path in under.rglob("*") if path.is_file()) // 2**20
        # cat waits for an end of its input that comes with this process's own, however that ends.
        self._holder = subprocess.Popen(
            ["unshare", "-Urm", "sh", "-c", _HOLD, str(2 * used + ROOM_MIB), str(under), str(self.folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if self._holder.stdout is None or "ready" not in self._holder.stdout.readline():
            raise RuntimeError(f"no disk could be mounted at {self.folder}")
        target = str(self._holder.pid)
        self.prefix = ("nsenter", "--target", target, "--user", "--mount", "--preserve-credentials")
        self._full = False

    @staticmethod
    def possible() -> bool:
        """Say whether this machine has what it takes: user namespaces, which some forbid."""
        if not (shutil.which("unshare") and shutil.which("nsenter")):
            return False
        done = subprocess.run(
            ["unshare", "-Urm", "mount", "-t", "tmpfs", "t", "/mnt"], capture_output=True, check=False
        )
        return done.returncode == 0

    def fill(self) -> None:
        """Leave no room."""
        self._run("sh", "-c", _FILL, str(self.folder))
        self._full = True

    def free(self) -> None:
        """Give the room back."""
        if self._full:
            self._run("rm", "-f", str(self.folder / "filler"))
            self._full = False

    def close(self) -> None:
        """Let go of the disk and what is on it."""
        self._holder.kill()
        self._holder.wait()

    def _run(self, *command: str) -> None:
        subprocess.run([*self.prefix, *command], check=True)
