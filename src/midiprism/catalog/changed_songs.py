"""The songs that a commit changed, as text: their ids, with a range for those that follow each other."""

from collections.abc import Iterable


def format_song_ids(song_ids: Iterable[int]) -> str:
    """Return ids as text, such as ``1-500,612``."""
    ranges: list[tuple[int, int]] = []
    for song_id in sorted(set(song_ids)):
        if ranges and ranges[-1][1] == song_id - 1:
            ranges[-1] = (ranges[-1][0], song_id)
        else:
            ranges.append((song_id, song_id))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def parse_song_ids(text: str) -> list[tuple[int, int]]:
    """Return the first and the last id of each range of a text that ``format_song_ids`` returned."""
    ranges = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        ranges.append((int(first), int(last or first)))
    return ranges
