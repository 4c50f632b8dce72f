"""The filters of ``list`` and ``export``."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import Selection

_RANGE_PATTERN = re.compile(r"([0-9]*)(\.\.)?([0-9]*)")
_MAX_RANGE_LENGTH = 40


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """Which tracks are selected. What is None does not matter."""

    instrument: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Only tracks with TEXT in the instrument or its family, such as bass."
        ),
    ] = None
    family: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Only tracks with TEXT in the instrument's family, such as Drums."),
    ] = None
    song: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Only tracks with TEXT in the song's path inside its source folder."
        ),
    ] = None
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only tracks with TEXT in the track's name.")
    ] = None
    notes: Annotated[
        str | None,
        typer.Option(metavar="RANGE", help="Only tracks with so many notes: 64, 20.., ..100 or 20..100."),
    ] = None
    channel: Annotated[
        int | None,
        typer.Option(min=1, max=16, help="Only tracks that play on this one channel, 1 to 16 (drums: 10)."),
    ] = None

    def selection(self) -> "Selection":
        """Return the filters as a query of the catalog.

        Raises:
            UsageError: the range of notes is not a range.
        """
        from midiprism.catalog import Selection

        min_notes, max_notes = parse_note_range(self.notes)
        channel = None if self.channel is None else self.channel - 1
        return Selection(
            instrument=self.instrument,
            family=self.family,
            song_name=self.song,
            name=self.name,
            min_notes=min_notes,
            max_notes=max_notes,
            channel=channel,
        )


def parse_note_range(text: str | None) -> tuple[int | None, int | None]:
    """Return the minimum and maximum of ``64``, ``20..``, ``..100`` or ``20..100``.

    Raises:
        UsageError: it is not a range.
    """
    if text is None:
        return None, None
    match = _RANGE_PATTERN.fullmatch(text)
    if match is None or not (match[1] or match[3]) or len(text) > _MAX_RANGE_LENGTH:
        raise UsageError(f"--notes {text} is not a range: write 64, 20.., ..100 or 20..100.")
    minimum = int(match[1]) if match[1] else None
    maximum = int(match[3]) if match[3] else None
    return (minimum, maximum) if match[2] else (minimum, minimum)
