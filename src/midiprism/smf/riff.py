"""Find the song within a RIFF (RMID) container, also where the container states a wrong size of it."""

import re
from typing import NamedTuple

RIFF_HEADER_SIZE = 12
CHUNK_HEADER_SIZE = 8
SONG_CHUNKS = (b"MThd", b"MTrk")
NEXT_CHUNK = re.compile(rb"LIST|DISP|RIFF")
SOUND_BANK = re.compile(rb"RIFF(.{4})(?:DLS |sfbk)", re.DOTALL)


class RiffData(NamedTuple):
    """The span of a song within its container, and whether the container's size of it is wrong."""

    start: int
    stop: int
    size_is_wrong: bool


def is_rmid(head: bytes) -> bool:
    """Return whether a file that begins with these 12 bytes is a RIFF container of type RMID."""
    return head.startswith(b"RIFF") and head[8:] == b"RMID"


def find_riff_data(data: bytes | memoryview) -> RiffData | None:
    """Return the span of the first ``data`` chunk of a RIFF file, or None.

    Its stated size is not used if it is 0, or if it ends within or before an MTrk of the song: the song then
    extends to the container's next chunk, or to the end of the file.
    """
    data = bytes(data)
    at = RIFF_HEADER_SIZE
    while at + CHUNK_HEADER_SIZE <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            start = at + CHUNK_HEADER_SIZE
            return _follow_song(data, start, min(start + size, len(data)))
        at += CHUNK_HEADER_SIZE + size + size % 2
    return None


def find_sound_bank(data: bytes | memoryview, song: RiffData) -> range | None:
    """Return the span of the DLS or SoundFont bank in a RIFF file, before or behind its song, or None."""
    data = memoryview(data)
    for start, stop in ((RIFF_HEADER_SIZE, song.start), (song.stop, len(data))):
        found = SOUND_BANK.search(data[start:stop])
        if found is not None:
            size = CHUNK_HEADER_SIZE + int.from_bytes(found[1], "little")
            return range(start + found.start(), min(start + found.start() + size, len(data)))
    return None


def cut_sound_bank(head: bytes, max_song_bytes: int) -> bytes | None:
    """Return the beginning of a RIFF (RMID) container up to the end of its song.

    None if it is no such container, or if its song has more bytes than it may have, or does not end within
    ``head``.
    """
    if not is_rmid(head[:RIFF_HEADER_SIZE]):
        return None
    song = find_riff_data(head)
    if song is None or song.size_is_wrong or song.stop >= len(head):
        return None
    return head[: song.stop] if song.stop - song.start <= max_song_bytes else None


def _follow_song(data: bytes, start: int, stated_stop: int) -> RiffData:
    """Return the span of a song by its own chunks where they contradict the stated end."""
    at = start
    while data[at : at + 4] in SONG_CHUNKS and at <= stated_stop:
        body = at + CHUNK_HEADER_SIZE
        at = body + int.from_bytes(data[at + 4 : body], "big")
    if at <= stated_stop or at == start:
        return RiffData(start, stated_stop, False)
    if at == len(data) or NEXT_CHUNK.match(data, at):
        return RiffData(start, at, True)
    if any(NEXT_CHUNK.match(data, begin) for begin in (stated_stop, stated_stop + 1)):
        return RiffData(start, stated_stop, False)
    stop = _next_riff_chunk(data, stated_stop)
    return RiffData(start, stop, stop != stated_stop)


def _next_riff_chunk(data: bytes, start: int) -> int:
    """Return the position of the next chunk of the container that fits into the file, or the file's end."""
    for found in NEXT_CHUNK.finditer(data, start):
        size = int.from_bytes(data[found.end() : found.end() + 4], "little")
        if found.start() + CHUNK_HEADER_SIZE + size <= len(data):
            return found.start()
    return len(data)
