"""Shows the file of a track in the file manager of this machine."""

import os

from starlette.requests import Request

from midiprism.errors import StoreError
from midiprism.fs.atomic_write import atomic_replace
from midiprism.web.api.parameters import json_object, parse_digest, served, text_value
from midiprism.web.api.tracks import rows_of_track
from midiprism.web.collections import library_folder
from midiprism.web.errors import ForbiddenError
from midiprism.web.json_response import JsonResponse
from midiprism.web.names import track_file_name
from midiprism.web.settings import is_loopback


def show(request: Request) -> JsonResponse:
    """Show the file of a track in the file manager; one that is in a shard is written to a file first."""
    is_near = request.client is not None and is_loopback(request.client.host)
    if not (is_near and request.app.state.settings.is_local):
        raise ForbiddenError("Only a page on this machine can show files.")
    digest = parse_digest(text_value(json_object(request), "digest", 64))
    result = served(request)
    with result.snapshot() as snapshot:
        found = snapshot.track(digest)
        (row,) = rows_of_track(snapshot, found.track_id, 1)
    path = result.local_path(found.location)
    if path is None:
        folder = os.path.join(library_folder(result.folder), "tracks", digest.hex()[:12])
        _, data = result.read(digest)
        path = _write(folder, track_file_name(row), data)
    request.app.state.show_file(path)
    return JsonResponse({"path": path})


def _write(folder: str, name: str, data: bytes) -> str:
    path = os.path.join(folder, name)
    try:
        os.makedirs(folder, exist_ok=True)
        with atomic_replace(path) as descriptor:
            os.write(descriptor, data)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return path
