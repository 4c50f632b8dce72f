"""The filters that ``list`` and ``export`` share."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog import Selection

_RANGE_PATTERN = re.compile(r"([0-9]*)(\.\.)?([0-9]*)")

InstrumentOption = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Only where TEXT is in the instrument or its family, such as bass."),
]
FamilyOption = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Only where TEXT is in the instrument's family, such as Drums."),
]
SongOption = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Only where TEXT is in the song's path inside its source folder."),
]
NameOption = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Only where TEXT is in the track's name.")
]
NotesOption = Annotated[
    str | None, typer.Option(metavar="RANGE", help="Only with so many notes: 64, 20.., ..100 or 20..100.")
]
ChannelOption = Annotated[
    int | None,
    typer.Option(min=1, max=16, help="Only tracks that play on this one channel, 1 to 16 (drums: 10)."),
]


def parse_selection(
    instrument: str | None,
    family: str | None,
    song: str | None,
    name: str | None,
    notes: str | None,
    channel: int | None,
) -> "Selection":
    """The filters as the catalogue takes them."""
    from midiprism.catalog import Selection

    least, most = parse_note_range(notes)
    return Selection(
        instrument=instrument,
        family=family,
        song_name=song,
        name=name,
        min_notes=least,
        max_notes=most,
        channel=None if channel is None else channel - 1,
    )


def parse_note_range(text: str | None) -> tuple[int | None, int | None]:
    """Least and most of ``64``, ``20..``, ``..100`` or ``20..100``."""
    if text is None:
        return None, None
    match = _RANGE_PATTERN.fullmatch(text)
    if match is None or not (match[1] or match[3]) or len(text) > 40:
        raise UsageError(f"--notes {text} is not a range: write 64, 20.., ..100 or 20..100.")
    least = int(match[1]) if match[1] else None
    most = int(match[3]) if match[3] else None
    return (least, most) if match[2] else (least, least)
