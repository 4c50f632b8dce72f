"""The tracks that ``similar`` found, as a table and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from midiprism.cli.render.terminal import make_console, make_table, print_message, rich_text
from midiprism.cli.render.track_list import track_to_json

if TYPE_CHECKING:
    from midiprism.catalog import TrackRow
    from midiprism.similarity.types import FoundTrack

_ANY_WIDTH = 1 << 20
_DIGITS = 8


def announce_similarity_compiling(*, quiet: bool) -> None:
    """Print a message if the compiled part of similarity has to be compiled first."""
    from midiprism.similarity.compiled import is_similarity_compiled

    if not quiet and not is_similarity_compiled():
        print_message("Compiling what compares tracks, once after each installation.", level="info")


def similar_to_json(track: "FoundTrack", row: "TrackRow") -> dict[str, Any]:
    """Return a track that was found, for ``--json``."""
    return {**track.place_to_json(), **track_to_json(row)}


def print_similar(found: "Sequence[tuple[FoundTrack, TrackRow]]") -> None:
    """Print tracks as a table: as wide as the terminal, or with whole values to a file or a pipe."""
    console, table = make_console(), make_table()
    if console.is_terminal:
        table.expand = True  # else the ratios below are ignored
    else:
        console.width = _ANY_WIDTH
    for heading in ("score", "beat", "beats", "key", "tempo"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading, ratio in (("song", 3), ("name", 2), ("instrument", 2)):
        table.add_column(heading, no_wrap=True, ratio=ratio)
    table.add_column("track", no_wrap=True)
    for track, row in found:
        numbers = (
            f"{track.score:.2f}",
            f"{track.first_quarter + 1:g}",
            f"{track.quarters:g}",
            f"{track.transposition:+d}" if track.transposition else "=",
            "" if track.tempo_ratio is None else f"x{track.tempo_ratio:g}",
        )
        names = (row.song_name, row.link.name or "", row.link.instrument, row.track.digest.hex()[:_DIGITS])
        table.add_row(*numbers, *map(rich_text, names))
    console.print(table)
