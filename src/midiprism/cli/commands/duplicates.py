"""``midiprism duplicates``: list exact copies of songs and tracks, or what is the same music."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midiprism.cli.exit_codes import DONE
from midiprism.cli.options import CatalogOptions, QuietOption, ReadableOutArgument
from midiprism.cli.render.similar_groups import (
    song_group_lines,
    song_group_to_json,
    track_group_lines,
    track_group_to_json,
)
from midiprism.cli.render.similar_text import announce_similarity_compiling
from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_size,
    make_console,
    pluralize,
    print_json,
    print_message,
    printable_path,
)
from midiprism.cli.result_location import ResultLocation, locate
from midiprism.cli.shell import exit_code, session
from midiprism.errors import UsageError
from midiprism.fs.path_text import path_text

if TYPE_CHECKING:
    from midiprism.catalog.queries.duplicates import CopiedSong, CopiedTrack, CopyCounts
    from midiprism.similarity.types import FingerprintProgress

_DEFAULT_LIMIT = 20
_SHOWN_PATHS = 5
_DIGEST_DIGITS = 16


def duplicates(
    out: ReadableOutArgument,
    catalog: CatalogOptions,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="List N songs and N tracks.  [default: 20 in text, else all]"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object per line: each song, each track, the counts.")
    ] = False,
    similar: Annotated[
        bool,
        typer.Option(
            "--similar",
            help="Find groups of tracks and songs that are the same music instead, and record them in the "
            "catalog.",
        ),
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            max=1.0,
            metavar="SHARE",
            help="With --similar: the share of their phrases of six notes that two tracks have in common, "
            "and in the same order, at least. More finds fewer, and errs less.  [default: as the last time, "
            "else 0.15]",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> int:
    """List songs that are at several paths, and tracks that several songs have: exact copies.

    Those with the most copies come first. A copy has the same bytes. With --similar, list tracks that are the
    same music in another key, tempo, rhythm grid or instrument, and songs that share such tracks.
    """
    if similar:
        return _list_similar(
            locate(out, catalog, quiet=quiet, only_reads=True), threshold, limit, as_json=as_json, quiet=quiet
        )
    if threshold is not None:
        raise UsageError("--threshold belongs to --similar.")
    from midiprism.catalog.queries.duplicates import (
        copied_songs,
        copied_tracks,
        count_song_copies,
        count_track_copies,
    )
    from midiprism.results.result_dir import open_catalog_of

    result = locate(out, catalog, quiet=quiet, only_reads=True)
    with open_catalog_of(result.folder, result.database) as opened, opened.read_transaction() as connection:
        songs, tracks = count_song_copies(connection), count_track_copies(connection)
        if as_json:
            for song in copied_songs(connection, limit):
                print_json(_song_to_json(song))
            for track in copied_tracks(connection, limit):
                print_json(_track_to_json(track))
            print_json({"songs": songs._asdict(), "tracks": tracks._asdict()})
            return DONE
        console, shown = make_console(), limit or _DEFAULT_LIMIT
        for line in _song_lines(songs, copied_songs(connection, shown), shown):
            console.print(line)
        for line in _track_lines(tracks, copied_tracks(connection, shown), shown):
            console.print(line)
    return DONE


def _list_similar(
    result: ResultLocation, threshold: float | None, limit: int | None, *, as_json: bool, quiet: bool
) -> int:
    from midiprism.catalog.queries.similar_groups import (
        count_song_groups,
        count_track_groups,
        similar_songs,
        similar_tracks,
    )
    from midiprism.catalog.reader import reader_of
    from midiprism.results.result_dir import open_catalog_of
    from midiprism.similarity.groups import update_groups

    announce_similarity_compiling(quiet=quiet)
    with session("Stopping; the groups stay as they were.", _format_progress, quiet=quiet) as (
        stop,
        listener,
    ):
        counts = update_groups(
            result.folder,
            result.database,
            threshold,
            stop=stop,
            on_progress=listener or (lambda _: None),
        )
    if not counts.whole:
        return exit_code(stop, stopped=stop(), ok=False)
    if counts.tracks_lost and not quiet:
        print_message(f"{pluralize(counts.tracks_lost, 'track')} cannot be read, and are in no group.")
    with open_catalog_of(result.folder, result.database) as opened, reader_of(opened) as reader:
        songs, tracks = count_song_groups(reader), count_track_groups(reader)
        if as_json:
            for song_group in similar_songs(reader, limit):
                print_json(song_group_to_json(song_group))
            for track_group in similar_tracks(reader, limit):
                print_json(track_group_to_json(track_group))
            print_json({"threshold": counts.threshold, "songs": songs._asdict(), "tracks": tracks._asdict()})
            return DONE
        console, shown = make_console(), limit or _DEFAULT_LIMIT
        for line in song_group_lines(songs, similar_songs(reader, shown), shown):
            console.print(line)
        for line in track_group_lines(tracks, similar_tracks(reader, shown), shown):
            console.print(line)
    return DONE


def _format_progress(progress: "FingerprintProgress") -> str:
    return f"{progress.seen:,} of {pluralize(progress.total, 'track')}"


def _song_lines(counts: "CopyCounts", found: "Iterator[CopiedSong]", limit: int) -> Iterator[str]:
    if not counts.contents:
        yield "No song is at several paths."
        return
    yield (
        f"{pluralize(counts.contents, 'song')} at several paths: {pluralize(counts.copies, 'further file')}, "
        f"{format_size(counts.bytes)}"
    )
    for song in found:
        yield f"  {song.occurrences:,} times, {format_size(song.size)} each:"
        yield from (f"    {printable_path(path)}" for path in song.paths[:_SHOWN_PATHS])
        if song.occurrences > _SHOWN_PATHS:
            yield f"    and {song.occurrences - _SHOWN_PATHS:,} more"
    yield from _rest(counts.contents - limit)


def _track_lines(counts: "CopyCounts", found: "Iterator[CopiedTrack]", limit: int) -> Iterator[str]:
    if not counts.contents:
        yield "No track is in several songs."
        return
    yield (
        f"{pluralize(counts.contents, 'track')} with several links, each stored once: "
        f"{format_size(counts.bytes)} saved"
    )
    for track in found:
        name = escape_unprintable(track.name or track.instrument)
        digest = track.digest.hex()[:_DIGEST_DIGITS]
        yield f"  {track.occurrences:,} times, {format_size(track.size)} each: {name} ({digest})"
    yield from _rest(counts.contents - limit)


def _rest(hidden: int) -> Iterator[str]:
    if hidden > 0:
        yield f"  and {hidden:,} more; --limit N lists more of them"


def _song_to_json(song: "CopiedSong") -> dict[str, Any]:
    return {
        "kind": "song",
        "digest": song.digest.hex(),
        "size": song.size,
        "occurrences": song.occurrences,
        "paths": [*map(path_text, song.paths)],
    }


def _track_to_json(track: "CopiedTrack") -> dict[str, Any]:
    return {"kind": "track", **track._asdict(), "digest": track.digest.hex()}
