"""``midiprism forget`` in object storage."""

from typing import TYPE_CHECKING

from midiprism.cli.confirm import require_confirmation
from midiprism.cli.options import SummaryOptions
from midiprism.cli.render.removal_text import sole_tracks_text
from midiprism.cli.render.terminal import make_console, pluralize, print_json

if TYPE_CHECKING:
    from midiprism.removal.plan import RemovalPlan


def forget_in_storage(
    url: str, plan: "RemovalPlan", output: SummaryOptions, *, dry_run: bool, yes: bool
) -> None:
    """Remove the songs of a plan from a result, and print what was removed.

    Args:
        url: of the result.
        plan: made for its mirror.
        output: how to print.
        dry_run: print what would be removed, and write nothing.
        yes: do not ask.
    """
    from midiprism.generations.forget import forget_songs_in_storage

    songs, tracks = pluralize(len(plan.places), "song"), sole_tracks_text(len(plan.tracks), plan.bytes)
    counts = {"songs": len(plan.places), "tracks": len(plan.tracks), "bytes": plan.bytes}
    if not plan.places:
        _print("No song matches.", output)
    elif dry_run:
        _print(f"Would remove {songs} and {tracks}. Nothing was written.", output)
    else:
        require_confirmation(f"Remove {songs} and {tracks} from {url}? It cannot be undone.", yes=yes)
        removed = forget_songs_in_storage(url, plan.song_digests)
        counts |= {"songs": removed.songs, "tracks": removed.tracks}
        songs, tracks = pluralize(removed.songs, "song"), pluralize(removed.tracks, "track")
        _print(
            f"Removed {songs} and {tracks}: they are not in generation {removed.generation}. Songs that are "
            "still in the source come back with the next split. Runs remove the files of earlier generations "
            "after 24 hours.",
            output,
        )
    if output.as_json:
        print_json({**counts, "dry_run": dry_run})


def _print(text: str, output: SummaryOptions) -> None:
    if not output.quiet:
        make_console(stderr=output.as_json).print(text)
