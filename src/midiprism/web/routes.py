"""The requests that the server answers: one table, from which the routes and their description derive."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from midiprism.errors import UsageError
from midiprism.web.api import collections, library, queries, runs, search, show, songs, sound, tracks

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Handler = Callable[[Request], Response]

MAX_BODY_BYTES = 4 << 20
_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """A request.

    Attributes:
        method: of HTTP.
        path: with the names of its parts in braces.
        handler: answers it, in a thread of its own.
        parameters: of the query string, with what they mean.
        body: fields of the JSON object that it takes, with what they mean.
        answer: type of what it returns.
    """

    method: Method
    path: str
    handler: Handler
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)
    answer: str = "application/json"

    @property
    def summary(self) -> str:
        """The first sentence about it."""
        return (self.handler.__doc__ or "").strip().splitlines()[0]

    @property
    def path_parameters(self) -> list[str]:
        """The names of the parts of its path."""
        return _PARAMETER.findall(self.path)


_QUERY = {"q": "query"}
_WINDOW = {"offset": "rows to pass over", "limit": "most rows to return"}
_DIGESTS = {"digests": "list of digests of tracks, in hex"}
_MIDI, _BYTES = "audio/midi", "application/octet-stream"

API_ROUTES = (
    ApiRoute(
        "GET",
        "/api/search",
        search.search,
        {
            **_QUERY,
            "sort": "fields, with - from the greatest",
            **_WINDOW,
            "facets": "1 for the usual, 0 for none, or names",
        },
    ),
    ApiRoute("GET", "/api/complete", queries.complete, {**_QUERY, "at": "place of the cursor"}),
    ApiRoute("GET", "/api/check", queries.check, _QUERY),
    ApiRoute("GET", "/api/searches", queries.saved),
    ApiRoute("POST", "/api/searches", queries.save, body={"name": "of the search", "query": "its text"}),
    ApiRoute("DELETE", "/api/searches/{name}", queries.delete),
    ApiRoute("GET", "/api/tracks/{digest}.mid", tracks.file, answer=_MIDI),
    ApiRoute("GET", "/api/tracks/{digest}/notes", tracks.notes),
    ApiRoute("GET", "/api/tracks/{digest}/similar", tracks.similar),
    ApiRoute("GET", "/api/tracks/{digest}", tracks.track),
    ApiRoute("GET", "/api/thumbnails", tracks.thumbnails, {"ids": "digests with commas between them"}),
    ApiRoute("GET", "/api/songs/{song_id}.mid", songs.file, answer=_MIDI),
    ApiRoute("GET", "/api/songs/{song_id}/notes", songs.notes),
    ApiRoute("GET", "/api/songs/{song_id}", songs.song),
    ApiRoute("GET", "/api/sound", sound.sound),
    ApiRoute("GET", "/api/bank", sound.part, {"presets": "BANK-PROGRAM[:KEYS],..."}, answer=_BYTES),
    ApiRoute("GET", "/api/library", library.library),
    ApiRoute("GET", "/api/runs", runs.runs),
    ApiRoute("GET", "/api/runs/live", runs.live),
    ApiRoute("GET", "/api/runs/{run_id}", runs.run),
    ApiRoute("GET", "/api/collections", collections.list_all),
    ApiRoute("POST", "/api/collections", collections.create, body={"name": "of the collection"}),
    ApiRoute("GET", "/api/collections/{collection_id}.zip", collections.archive, answer="application/zip"),
    ApiRoute("GET", "/api/collections/{collection_id}.m3u", collections.playlist, answer="audio/x-mpegurl"),
    ApiRoute("GET", "/api/collections/{collection_id}", collections.get, _WINDOW),
    ApiRoute("PATCH", "/api/collections/{collection_id}", collections.rename, body={"name": "the new name"}),
    ApiRoute("DELETE", "/api/collections/{collection_id}", collections.delete),
    ApiRoute("POST", "/api/collections/{collection_id}/tracks", collections.add, body=_DIGESTS),
    ApiRoute("DELETE", "/api/collections/{collection_id}/tracks", collections.remove, body=_DIGESTS),
    ApiRoute("POST", "/api/collections/{collection_id}/tree", collections.tree),
    ApiRoute("POST", "/api/show", show.show, body={"digest": "of a track, in hex"}),
)


def api_routes() -> Iterator[Route]:
    """Yield the routes of the table, in its order."""
    for route in API_ROUTES:
        yield Route(route.path, _endpoint(route), methods=[route.method])


def _endpoint(route: ApiRoute) -> Any:
    """Return the function that Starlette calls: the body is read before the handler runs in a thread."""

    async def answer(request: Request) -> Response:
        request.state.body = await _read_body(request) if route.body else b""
        return await run_in_threadpool(route.handler, request)

    return answer


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise UsageError(f"The body of a request has at most {MAX_BODY_BYTES:,} bytes.")
    return bytes(body)
