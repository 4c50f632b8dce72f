"""One track: its facts, its notes, its file; and thumbnails of many."""

import shlex
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from midiprism.catalog.queries.track_lookup import SongProblem, find_song
from midiprism.catalog.track_row import TrackRow
from midiprism.errors import UsageError
from midiprism.fs.path_text import path_text
from midiprism.search.query import quote
from midiprism.smf.track_content import TempoMap
from midiprism.web.api.parameters import digest_in_path, parse_digest, served
from midiprism.web.api.pending import pending_response
from midiprism.web.errors import NotFoundError
from midiprism.web.json_response import JsonResponse
from midiprism.web.names import MIDI_TYPE, attachment, track_file_name
from midiprism.web.notes import (
    LYRIC,
    controls_to_json,
    map_to_json,
    notes_to_json,
    programs_to_json,
    read_contents,
    words_to_json,
)
from midiprism.web.problems import problem_text
from midiprism.web.served_result import ServedResult, Snapshot
from midiprism.web.track_facts import track_facts
from midiprism.web.track_json import row_to_json

MAX_THUMBNAILS = 100
_MAX_SONGS = 100
_MAX_SIMILAR = 20


def track(request: Request) -> JsonResponse:
    """Return a track with the songs that have it."""
    digest = digest_in_path(request)
    result = served(request)
    with result.snapshot() as snapshot:
        found = snapshot.track(digest)
        rows = rows_of_track(snapshot, found.track_id, _MAX_SONGS)
        first = rows[0]
        song = find_song(snapshot.reader, first.song_id)
    return JsonResponse(
        {
            **row_to_json(first),
            "facts": track_facts(first),
            "songs": [_song_link(row) for row in rows],
            "damage": [problem_text(it) for it in song.problems if _concerns(it, first)] if song else [],
            "export_command": _export_command(result, first),
            "path": result.local_path(found.location),
            "download": f"/api/tracks/{digest.hex()}.mid",
            "file_name": track_file_name(first),
        }
    )


def notes(request: Request) -> JsonResponse:
    """Return the notes of a track, with its tempi and meters."""
    found, data = served(request).read(digest_in_path(request))
    (content,) = read_contents([data])
    times = TempoMap(content)
    return JsonResponse(
        {
            **map_to_json(content, times),
            "notes": notes_to_json(content, times),
            "programs": programs_to_json(content, times),
            "controls": controls_to_json(content, times),
            "is_drums": bool(found.is_drums),
            "words": words_to_json(content, times, LYRIC),
        }
    )


def similar(request: Request) -> JsonResponse:
    """Return the tracks with the music of a track, and where they have it.

    While fingerprints are made, return how far that is, with status 202.
    """
    digest = digest_in_path(request)
    with served(request).snapshot() as snapshot:
        snapshot.track(digest)
        pending = pending_response(request, snapshot)
        if pending is not None:
            return pending
        found = snapshot.similar(digest, _MAX_SIMILAR)
    return JsonResponse({"tracks": [{**row_to_json(row), **match.place_to_json()} for match, row in found]})


def file(request: Request) -> Response:
    """Return the file of a track, under a readable name."""
    result = served(request)
    with result.snapshot() as snapshot:
        found = snapshot.track(digest_in_path(request))
        (row,) = rows_of_track(snapshot, found.track_id, 1)
    _, data = result.read(row.track.digest)
    return Response(data, media_type=MIDI_TYPE, headers=attachment(track_file_name(row)))


def thumbnails(request: Request) -> JsonResponse:
    """Return small pictures of tracks, as notes."""
    ids = [text for text in request.query_params.get("ids", "").split(",") if text]
    if len(ids) > MAX_THUMBNAILS:
        raise UsageError(f"At most {MAX_THUMBNAILS} thumbnails are returned at once.")
    digests = [*dict.fromkeys(map(parse_digest, ids))]
    return JsonResponse(
        {digest.hex(): text for digest, text in request.app.state.thumbnails.of(digests).items()}
    )


def _concerns(problem: SongProblem, row: TrackRow) -> bool:
    """Return whether a problem of a song was in a track, or in the whole song."""
    return problem.track is None or problem.track == row.link.track_number


def _export_command(result: ServedResult, row: TrackRow) -> str:
    """Return the command that exports a track with the name that it has in a song."""
    link = row.link
    words = [f"song:={quote(row.song_name)}", f"track:{link.track_number + 1}"]
    words += [] if link.channel is None else [f"channel:{link.channel + 1}"]
    words += [] if link.program is None else [f"program:{link.program}"]
    words += [] if link.drum_piece is None else [f"drum_piece:{link.drum_piece}"]
    arguments = [result.folder, "--to", "TREE", *words]
    options = "" if result.database is None else f" {result.database.cli_options}"
    return f"midiprism export {shlex.join(arguments)}{options}"


def rows_of_track(snapshot: Snapshot, track_id: int, limit: int) -> list[TrackRow]:
    """Return the links of a track, with their songs.

    Raises:
        NotFoundError: no song has it any more.
    """
    rows = snapshot.rows(snapshot.index.links_of_track(track_id, limit))
    if not rows:
        raise NotFoundError("No song has this track any more.")
    return rows


def _song_link(row: TrackRow) -> dict[str, Any]:
    return {
        "song_id": row.song_id,
        "name": row.song_name,
        "path": path_text(row.song_path),
        "source_track": row.link.track_number + 1,
        "channel": None if row.link.channel is None else row.link.channel + 1,
        "position": row.position,
    }
