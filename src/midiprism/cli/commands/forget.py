"""``midiprism forget``: remove songs from a result."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.commands.forget_storage import forget_in_storage
from midiprism.cli.confirm import require_confirmation
from midiprism.cli.options import CatalogOptions, DryRunOption, ReadableOutArgument, SummaryOptions, YesOption
from midiprism.cli.query_arguments import FilterOptions, parse_text
from midiprism.cli.render.removal_text import kept_text, removal_text, sole_tracks_text, undo_lines
from midiprism.cli.render.search_text import print_missing_facts
from midiprism.cli.render.terminal import make_console, pluralize, print_json, printable_path
from midiprism.cli.result_location import ResultLocation, locate
from midiprism.errors import UsageError
from midiprism.objects.url import is_storage_url

if TYPE_CHECKING:
    from midiprism.adopt.db.delete_rows import AddedRows
    from midiprism.catalog.queries.find_songs import SongPlaces
    from midiprism.removal.plan import RemovalPlan
    from midiprism.removal.undo import RestoredCounts
    from midiprism.results.removal_counts import RemovalCounts

_MAX_SHOWN = 5
_NO_COUNTS = {
    "dry_run": False,
    "undo": False,
    **dict.fromkeys(("songs", "tracks", "bytes", "songs_kept", "songs_lost"), 0),
}
"""The keys of the JSON, which are the same for a removal, a dry run and an undo."""


def forget(
    out: ReadableOutArgument,
    filters: FilterOptions,
    catalog: CatalogOptions,
    output: SummaryOptions,
    songs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SONG...", help="Songs as `midiprism list` names them, their paths, or their BLAKE3."
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="QUERY", help="A query as for `midiprism list`: the songs of the tracks that it finds."
        ),
    ] = None,
    undo: Annotated[
        bool,
        typer.Option(
            "--undo", help="Put back what the last removal has removed, of `forget` or `split --prune`."
        ),
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Remove songs from a result, with the tracks that no other song has.

    A query chooses the songs of the tracks that `midiprism list` lists with it. The songs themselves are not
    touched: the next split brings back those that are still in their sources.
    """
    from midiprism.adopt.removal_hooks import open_removal_hooks
    from midiprism.removal.forget import SongChoice, complete_removal, forget_songs
    from midiprism.removal.plan import plan_removal
    from midiprism.search.find import open_search

    query = parse_text(where or "", filters)
    has_query = bool(query.groups)
    in_storage = is_storage_url(out)
    if undo:
        if in_storage:
            raise UsageError("A removal from a result in object storage cannot be undone: split again.")
        if songs or has_query or dry_run:
            raise UsageError(
                "--undo takes back the whole last removal: leave SONG, queries and --dry-run out."
            )
        _undo(locate(out, catalog, quiet=output.quiet), output)
        return
    if not songs and not has_query:
        raise UsageError("Name a SONG, or choose songs by a query, as in --where song:karaoke.")
    result = locate(out, catalog, quiet=output.quiet, only_reads=in_storage)
    choice = SongChoice(songs or (), query if has_query else None)
    if not dry_run and not in_storage:
        complete_removal(result.folder, result.database)
    if has_query and not output.quiet:
        with open_search(result.folder, result.database) as search:
            print_missing_facts(search, query, result.quoted)
    plan = plan_removal(result.folder, choice, result.database)
    if in_storage:
        forget_in_storage(out, plan, output, dry_run=dry_run, yes=yes)
        return
    rows = _count_rows(plan, result)
    chosen = plan.places
    if dry_run or not chosen:
        _print(_plan_lines(plan, rows), output)
        if output.as_json:
            counts = {"songs": len(chosen), "tracks": len(plan.tracks), "bytes": plan.bytes}
            print_json({**_NO_COUNTS, **counts, "dry_run": dry_run})
        return
    question = (
        f"Remove {pluralize(len(chosen), 'song')} from {printable_path(result.folder)}, such as "
        f"{_name_of(chosen[0])}?"
    )
    require_confirmation(" ".join([question, *_loss_lines(plan, rows), "Continue?"]), yes=yes)
    with open_removal_hooks(result.folder, result.database) as hooks:
        removed = forget_songs(result.folder, choice, result.database, hooks)
    _print(_removal_lines(removed, chosen, result), output)
    if output.as_json:
        counts = {name: getattr(removed, name) for name in ("songs", "tracks", "bytes", "songs_kept")}
        print_json({**_NO_COUNTS, **counts})


def _removal_lines(
    removed: "RemovalCounts", chosen: "Sequence[SongPlaces]", result: ResultLocation
) -> Iterator[str]:
    yield f"Removed {removal_text(removed)}."
    if removed.songs_kept:
        yield kept_text(removed)
    still_there = sum(song.is_there for song in chosen) - removed.songs_kept
    if still_there > 0:
        are = "1 of them is" if still_there == 1 else f"{still_there:,} of them are"
        them = "it" if still_there == 1 else "them"
        subject = "It is" if len(chosen) == 1 else are
        yield f"{subject} still in the sources, from which the next split brings {them} back."
    yield from undo_lines(removed, result.quoted)


def _undo(result: ResultLocation, output: SummaryOptions) -> None:
    from midiprism.removal.undo import undo_removal

    restored = undo_removal(result.folder, result.database)
    _print(_undo_lines(restored), output)
    if output.as_json:
        print_json({**_NO_COUNTS, **asdict(restored), "undo": True})


def _undo_lines(restored: "RestoredCounts") -> Iterator[str]:
    yield f"Put back {pluralize(restored.songs, 'song')} and {pluralize(restored.tracks, 'track')}."
    if restored.songs_lost:
        songs = pluralize(restored.songs_lost, "song")
        yield f"{songs} could not be put back, since tracks are lost: split again."


def _print(lines: Iterable[str], output: SummaryOptions) -> None:
    if not output.quiet:
        console = make_console(stderr=output.as_json)
        for line in lines:
            console.print(line)


def _plan_lines(plan: "RemovalPlan", rows: "AddedRows | None") -> Iterator[str]:
    chosen = plan.places
    if not chosen:
        yield "No song matches."
        return
    yield f"Would remove {pluralize(len(chosen), 'song')}:"
    yield from (f"  {_name_of(song)}" for song in chosen[:_MAX_SHOWN])
    if len(chosen) > _MAX_SHOWN:
        yield f"  and {len(chosen) - _MAX_SHOWN:,} more"
    yield from _loss_lines(plan, rows)
    yield "Nothing was written."


def _loss_lines(plan: "RemovalPlan", rows: "AddedRows | None") -> Iterator[str]:
    """Yield what goes with the songs, and whether it comes back."""
    what = [sole_tracks_text(len(plan.tracks), plan.bytes)] if plan.tracks else []
    if rows is not None and rows.links + rows.files:
        links, files = pluralize(rows.links, "row"), pluralize(rows.files, "row")
        what.append(f"{links} of track_splits and {files} of files that midiprism added")
    if what:
        verb = "go" if len(what) > 1 or len(plan.tracks) > 1 else "goes"
        yield f"With {'it' if len(plan.places) == 1 else 'them'} {verb} {', and '.join(what)}."
    if not plan.reversible:
        yield "It cannot be undone: the result belongs to an adopted library."


def _count_rows(plan: "RemovalPlan", result: ResultLocation) -> "AddedRows | None":
    """Return how many rows of an adopted library go with the songs; None for another result."""
    if plan.reversible or result.database is None or not plan.places:
        return None
    from midiprism.adopt.db.delete_rows import count_added_rows
    from midiprism.adopt.db.foreign_reader import ForeignLibrary

    with ForeignLibrary(result.database) as library:
        return count_added_rows(library, plan.song_digests, [track.digest for track in plan.tracks])


def _name_of(song: "SongPlaces") -> str:
    return "a song that is at no path any more" if song.path is None else printable_path(song.path)
