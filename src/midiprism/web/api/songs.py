"""One song: its tracks, their notes together, and one file of all of them."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from midiprism.catalog.queries.track_lookup import FoundSong, find_song, links_of_song
from midiprism.catalog.track_row import TrackRow
from midiprism.fs.path_text import path_text
from midiprism.smf.join_tracks import join_tracks
from midiprism.smf.track_content import TempoMap, TrackContent, read_track
from midiprism.web.api.parameters import number_in_path, served
from midiprism.web.errors import NotFoundError
from midiprism.web.json_response import JsonResponse
from midiprism.web.names import MIDI_TYPE, attachment, song_file_name
from midiprism.web.notes import (
    LYRIC,
    MARKER,
    controls_to_json,
    map_to_json,
    notes_to_json,
    programs_to_json,
    read_contents,
    words_to_json,
)
from midiprism.web.problems import problem_text
from midiprism.web.served_result import Snapshot
from midiprism.web.track_facts import song_facts
from midiprism.web.track_json import is_drums, row_to_json

MAX_TRACKS = 2_000
"""Tracks of a song that pages show and join; a damaged or made-up song can have 65,535."""


def song(request: Request) -> JsonResponse:
    """Return a song with its tracks, its words and its markers."""
    result = served(request)
    with result.snapshot() as snapshot:
        found, rows = _song_of(request, snapshot)
    tracks = result.read_if_there([row.location for row in rows])
    contents = read_contents(tracks)
    lost = [
        f"Track {row.link.track_number + 1} is lost."
        for row, data in zip(rows, tracks, strict=True)
        if not data
    ]
    return JsonResponse(
        {
            "song_id": found.song_id,
            "name": _name_of(found),
            "paths": [path_text(place.path) for place in found.places],
            "facts": song_facts(found.values),
            "tracks": [*map(row_to_json, rows)],
            "damage": [*map(problem_text, found.problems), *lost],
            "words": _texts(contents, LYRIC),
            "markers": _texts(contents, MARKER),
            "download": f"/api/songs/{found.song_id}.mid",
            "file_name": song_file_name(_name_of(found)),
            "length_seconds": _length_of(contents),
        }
    )


def notes(request: Request) -> JsonResponse:
    """Return the notes of all tracks of a song, a lane for each."""
    result = served(request)
    with result.snapshot() as snapshot:
        _, rows = _song_of(request, snapshot)
    contents = read_contents(result.read_if_there([row.location for row in rows]))
    lanes = [*map(_lane, rows, contents)]
    # Each track has the tempi and meters of its song.
    first = next((content for content in contents if content.end_tick), read_track(b""))
    return JsonResponse(
        {**map_to_json(first, TempoMap(first)), "length_seconds": _length_of(contents), "lanes": lanes}
    )


def file(request: Request) -> Response:
    """Return all tracks of a song in one file."""
    result = served(request)
    with result.snapshot() as snapshot:
        found, rows = _song_of(request, snapshot)
    if not rows:
        raise NotFoundError("This song has no tracks.")
    data = join_tracks(result.read_many([row.location for row in rows]))
    return Response(data, media_type=MIDI_TYPE, headers=attachment(song_file_name(_name_of(found))))


def _song_of(request: Request, snapshot: Snapshot) -> tuple[FoundSong, list[TrackRow]]:
    song_id = number_in_path(request, "song_id")
    found = find_song(snapshot.reader, song_id)
    if found is None:
        raise NotFoundError("There is no such song in this result.")
    return found, snapshot.rows(links_of_song(snapshot.reader, song_id)[:MAX_TRACKS])


def _name_of(found: FoundSong) -> str:
    return found.places[0].song_name if found.places else f"song {found.song_id}"


def _lane(row: TrackRow, content: TrackContent) -> dict[str, Any]:
    times = TempoMap(content)
    return {
        "digest": row.track.digest.hex(),
        "position": row.position,
        "name": row.link.name,
        "instrument": row.link.instrument,
        "family": row.link.family,
        "program": row.link.program,
        "is_drums": is_drums(row),
        "notes": notes_to_json(content, times),
        "programs": programs_to_json(content, times),
        "controls": controls_to_json(content, times),
    }


def _texts(contents: list[TrackContent], kind: int) -> list[list[Any]]:
    """Return the texts of one kind in all tracks, each once."""
    found = {
        (seconds, text): None
        for content in contents
        for seconds, text in words_to_json(content, TempoMap(content), kind)
    }
    return [list(text) for text in sorted(found)]


def _length_of(contents: list[TrackContent]) -> float:
    return max((TempoMap(content).seconds_at(content.end_tick) for content in contents), default=0.0)
