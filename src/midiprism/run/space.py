"""Whether what is left to do will fit on the disk."""

import os
from dataclasses import dataclass

_LEAST_PARENTS = 100
_RESERVE = 1.1


@dataclass(slots=True)
class Usage:
    """What parents have taken so far.

    Attributes:
        parents: parents done.
        files: files written for them.
        disk_bytes: what those take, in whole blocks.
    """

    parents: int = 0
    files: int = 0
    disk_bytes: int = 0

    def add(self, parents: int, files: int, disk_bytes: int) -> None:
        self.parents += parents
        self.files += files
        self.disk_bytes += disk_bytes


def shortage(out: str, catalog_bytes: int, used: Usage, left: int) -> str | None:
    """A warning if ``left`` more parents like those so far will not fit; None if they will, or who knows.

    Args:
        out: the folder of the result.
        catalog_bytes: what the catalogue takes there, which grows too.
        used: what was written for how many parents, of this result.
        left: parents to come.
    """
    if left <= 0 or used.parents < min(_LEAST_PARENTS, left) or not hasattr(os, "statvfs"):
        return None
    try:
        disk = os.statvfs(out)
    except OSError:
        return None
    share = _RESERVE * left / used.parents
    need_bytes, free_bytes = int(share * (used.disk_bytes + catalog_bytes)), disk.f_bavail * disk.f_frsize
    need_files, free_files = int(share * used.files), disk.f_favail
    if need_bytes > free_bytes:
        return (
            f"What is left may need {_gigabytes(need_bytes)} in {out}, and {_gigabytes(free_bytes)} are "
            "free: make room, or choose another disk for the result. The run stops cleanly if it must."
        )
    if disk.f_files and need_files > free_files:
        return (
            f"What is left may need {need_files:,} more files in {out}, and the disk has room for "
            f"{free_files:,} (inodes): choose another disk for the result. The run stops cleanly if it must."
        )
    return None


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
