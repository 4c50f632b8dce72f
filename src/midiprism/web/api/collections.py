"""Collections of tracks, and their export."""

import os
from collections.abc import Iterator
from typing import IO, Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from midiprism.catalog.queries.track_lookup import find_tracks_by_digest
from midiprism.catalog.track_row import TrackRow
from midiprism.errors import UsageError
from midiprism.export.path_template import safe_component
from midiprism.web.api.parameters import json_object, parse_digest, served, text_value, whole_number
from midiprism.web.collections import MAX_NAME_LENGTH, MAX_TRACKS, Collection, Collections, library_folder
from midiprism.web.exports import write_archive, write_playlist, write_tree
from midiprism.web.json_response import JsonResponse
from midiprism.web.names import attachment
from midiprism.web.served_result import ServedResult
from midiprism.web.track_json import row_to_json

_MAX_DIGESTS = 10_000
_MAX_ROWS = 1_000
_CHUNK = 1 << 16


def collections_of(request: Request) -> Collections:
    """Return the collections for the result that is served."""
    return Collections(os.path.join(library_folder(served(request).folder), "collections"))


def list_all(request: Request) -> JsonResponse:
    """Return all collections."""
    return JsonResponse([*map(_summary, collections_of(request).list())])


def get(request: Request) -> JsonResponse:
    """Return a collection with its tracks, without those that are gone."""
    collection = collections_of(request).get(_id(request))
    offset = whole_number(request, "offset", 0, MAX_TRACKS)
    limit = whole_number(request, "limit", _MAX_ROWS, _MAX_ROWS)
    rows = first_rows(served(request), collection.digests[offset : offset + limit])
    return JsonResponse({**_summary(collection), "offset": offset, "tracks": [*map(row_to_json, rows)]})


def create(request: Request) -> JsonResponse:
    """Make a collection."""
    name = text_value(json_object(request), "name", MAX_NAME_LENGTH)
    return JsonResponse(_summary(collections_of(request).create(name)), 201)


def rename(request: Request) -> JsonResponse:
    """Give a collection another name."""
    name = text_value(json_object(request), "name", MAX_NAME_LENGTH)
    return JsonResponse(_summary(collections_of(request).rename(_id(request), name)))


def delete(request: Request) -> JsonResponse:
    """Delete a collection."""
    collections_of(request).delete(_id(request))
    return JsonResponse({"deleted": _id(request)})


def add(request: Request) -> JsonResponse:
    """Add tracks to a collection."""
    return JsonResponse(_summary(collections_of(request).add(_id(request), _digests(request))))


def remove(request: Request) -> JsonResponse:
    """Remove tracks from a collection."""
    return JsonResponse(_summary(collections_of(request).remove(_id(request), _digests(request))))


def archive(request: Request) -> Response:
    """Return the tracks of a collection in a ZIP archive."""
    collection, rows = _rows(request)
    file = write_archive(served(request), rows)
    headers = attachment(safe_component(collection.name) + ".zip")
    return StreamingResponse(_chunks(file), media_type="application/zip", headers=headers)


def playlist(request: Request) -> Response:
    """Return a playlist of the tree of a collection."""
    collection, rows = _rows(request)
    headers = attachment(safe_component(collection.name) + ".m3u")
    text = "".join(write_playlist(rows)).encode("utf-8", "replace")
    return Response(text, media_type="audio/x-mpegurl", headers=headers)


def tree(request: Request) -> JsonResponse:
    """Write the tracks of a collection to a tree in the user's data folder."""
    collection, rows = _rows(request)
    name = f"{safe_component(collection.name)} {collection.id[:6]}"
    folder = os.path.join(library_folder(served(request).folder), "trees", name)
    return JsonResponse({"path": folder, "files": write_tree(served(request), rows, folder)}, 201)


def first_rows(result: ServedResult, digests: tuple[bytes, ...]) -> list[TrackRow]:
    """Return a row for each of some tracks, of its first song; none for those that are gone."""
    with result.snapshot() as snapshot:
        tracks = find_tracks_by_digest(snapshot.reader, digests)
        ids = [tracks[digest].track_id for digest in digests if digest in tracks]
        links = snapshot.index.first_links(ids)
        return snapshot.rows(links[track_id] for track_id in ids if track_id in links)


def _rows(request: Request) -> tuple[Collection, list[TrackRow]]:
    collection = collections_of(request).get(_id(request))
    return collection, first_rows(served(request), collection.digests)


def _id(request: Request) -> str:
    text: str = request.path_params["collection_id"]
    return text


def _digests(request: Request) -> list[bytes]:
    digests = json_object(request).get("digests")
    if not isinstance(digests, list) or len(digests) > _MAX_DIGESTS:
        raise UsageError(f"digests must be a list of at most {_MAX_DIGESTS:,} digests of tracks.")
    return [parse_digest(digest if isinstance(digest, str) else "") for digest in digests]


def _summary(collection: Collection) -> dict[str, Any]:
    return {"id": collection.id, "name": collection.name, "count": len(collection.digests)}


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
