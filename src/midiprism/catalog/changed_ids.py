"""The songs and tracks that a commit changed, as text: their ids, with ranges of those in a row."""

from collections.abc import Iterable


def format_ids(ids: Iterable[int]) -> str:
    """Return ids as text, such as ``1-500,612``."""
    ranges: list[tuple[int, int]] = []
    for one in sorted(set(ids)):
        if ranges and ranges[-1][1] == one - 1:
            ranges[-1] = (ranges[-1][0], one)
        else:
            ranges.append((one, one))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def parse_ids(text: str) -> list[tuple[int, int]]:
    """Return the first and the last id of each range of a text that ``format_ids`` returned."""
    ranges = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        ranges.append((int(first), int(last or first)))
    return ranges
