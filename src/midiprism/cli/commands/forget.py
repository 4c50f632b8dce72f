"""``midiprism forget``: remove songs from a result."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.confirm import require_confirmation
from midiprism.cli.options import CatalogOptions, DryRunOption, OutArgument, SummaryOptions, YesOption
from midiprism.cli.query_arguments import FilterOptions, parse_text
from midiprism.cli.render.removal_text import kept_text, removal_text, undo_lines
from midiprism.cli.render.search_text import print_missing_facts
from midiprism.cli.render.terminal import make_console, pluralize, print_json, printable_path
from midiprism.cli.result_location import ResultLocation, locate
from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.catalog.commit_hook import CommitHook
    from midiprism.catalog.queries.find_songs import SongPlaces
    from midiprism.removal.undo import RestoredCounts
    from midiprism.results.removal_counts import RemovalCounts

_MAX_SHOWN = 5


def forget(
    out: OutArgument,
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
    from midiprism.removal.forget import SongChoice, choose_songs, complete_removal, forget_songs
    from midiprism.search.find import open_search

    query = parse_text(where or "", filters)
    has_query = bool(query.groups)
    if undo:
        if songs or has_query or dry_run:
            raise UsageError(
                "--undo takes back the whole last removal: leave SONG, queries and --dry-run out."
            )
        _undo(locate(out, catalog, quiet=output.quiet), output)
        return
    if not songs and not has_query:
        raise UsageError("Name a SONG, or choose songs by a query, as in --where song:karaoke.")
    result = locate(out, catalog, quiet=output.quiet)
    choice = SongChoice(songs or (), query if has_query else None)
    if not dry_run:
        complete_removal(result.folder, result.database)
    if has_query and not output.quiet:
        with open_search(result.folder, result.database) as search:
            print_missing_facts(search, query, result.quoted)
    chosen = choose_songs(result.folder, choice, result.database)
    if dry_run or not chosen:
        _print(_plan_lines(chosen), output)
        if output.as_json:
            print_json({"dry_run": dry_run, "songs": len(chosen)})
        return
    require_confirmation(
        f"Remove {pluralize(len(chosen), 'song')} from {printable_path(result.folder)}, such as "
        f"{_name_of(chosen[0])}?",
        yes=yes,
    )
    with ExitStack() as stack:
        removed = forget_songs(result.folder, choice, result.database, _hooks_of(result, stack))
    _print(_removal_lines(removed, chosen, result), output)
    if output.as_json:
        counts = asdict(removed)
        del counts["reversible"]
        print_json({"dry_run": False, **counts})


def _removal_lines(
    removed: "RemovalCounts", chosen: "Sequence[SongPlaces]", result: ResultLocation
) -> Iterator[str]:
    yield f"Removed {removal_text(removed)}."
    if removed.songs_kept:
        yield kept_text(removed)
    still_there = sum(song.is_there for song in chosen) - removed.songs_kept
    if still_there > 0:
        are = "1 of them is" if still_there == 1 else f"{still_there:,} of them are"
        yield f"{are} still in the sources, from which the next split brings them back."
    yield from undo_lines(removed, result.quoted)


def _undo(result: ResultLocation, output: SummaryOptions) -> None:
    from midiprism.removal.undo import undo_removal

    restored = undo_removal(result.folder, result.database)
    _print(_undo_lines(restored), output)
    if output.as_json:
        print_json(asdict(restored))


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


def _hooks_of(result: ResultLocation, stack: ExitStack) -> "tuple[CommitHook, ...]":
    """Return the hooks of the result: one if it belongs to an adopted library."""
    from midiprism.results.result_dir import marker_facts

    if result.database is None or "adopted" not in marker_facts(result.folder):
        return ()
    from midiprism.adopt.adoption import open_adopted_library
    from midiprism.adopt.options import Adoption

    adopted = open_adopted_library(result.database, Adoption(), result.folder, lambda: False)
    return (stack.enter_context(adopted).hook,)


def _plan_lines(chosen: "Sequence[SongPlaces]") -> list[str]:
    if not chosen:
        return ["No song matches."]
    lines = [f"Would remove {pluralize(len(chosen), 'song')}:"]
    lines += [f"  {_name_of(song)}" for song in chosen[:_MAX_SHOWN]]
    if len(chosen) > _MAX_SHOWN:
        lines.append(f"  and {len(chosen) - _MAX_SHOWN:,} more")
    return [*lines, "Nothing was written."]


def _name_of(song: "SongPlaces") -> str:
    return "a song that is at no path any more" if song.path is None else printable_path(song.path)
