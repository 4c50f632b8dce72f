"""A warning if the rest of a run will not fit on the disk."""

import os
from dataclasses import dataclass

_MIN_SONGS = 100
_SPACE_FACTOR = 1.1


@dataclass(slots=True)
class DiskUsage:
    """The space that songs have taken so far.

    Attributes:
        songs: songs done.
        files: files written for them.
        disk_bytes: size of those files, in whole blocks.
    """

    songs: int = 0
    files: int = 0
    disk_bytes: int = 0

    def add(self, songs: int, files: int, disk_bytes: int) -> None:
        self.songs += songs
        self.files += files
        self.disk_bytes += disk_bytes


def space_warning(out: str, catalog_bytes: int, used: DiskUsage, songs_left: int) -> str | None:
    """Return a warning if ``songs_left`` more songs like those so far will not fit, else None.

    None also where the free space is not known, or too few songs are done to tell.

    Args:
        out: folder of the result.
        catalog_bytes: size of the catalog there, which grows too.
        used: space that the songs of this result have taken.
        songs_left: songs to come.
    """
    if songs_left <= 0 or used.songs < min(_MIN_SONGS, songs_left) or not hasattr(os, "statvfs"):
        return None
    try:
        disk = os.statvfs(out)
    except OSError:
        return None
    share = _SPACE_FACTOR * songs_left / used.songs
    need_bytes, free_bytes = int(share * (used.disk_bytes + catalog_bytes)), disk.f_bavail * disk.f_frsize
    need_files, free_files = int(share * used.files), disk.f_favail
    if need_bytes > free_bytes:
        return (
            f"The rest may need {_gigabytes(need_bytes)} in {out}, and {_gigabytes(free_bytes)} are "
            "free: make room, or choose another disk for the result. The run stops cleanly if it must."
        )
    if disk.f_files and need_files > free_files:
        return (
            f"The rest may need {need_files:,} more files in {out}, and the disk has room for "
            f"{free_files:,} (inodes): choose another disk for the result. The run stops cleanly if it must."
        )
    return None


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
