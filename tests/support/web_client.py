"""Clients of a server of pages, in this process."""

from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from midiprism.api import split_library
from midiprism.catalog import PostgresAddress
from midiprism.sample import generate_songs
from midiprism.web.app import make_app
from midiprism.web.served_result import ServedResult
from midiprism.web.settings import ServerSettings
from midiprism.web.soundbank.sound_bank import SoundBank

ADDRESS = "http://127.0.0.1:8765"
TOKEN = "token-of-a-test"


def write_samples(folder: Path, count: int, seed: int = 1) -> Path:
    """Write sample songs below a folder, and return it."""
    for song in generate_songs(count, seed=seed):
        path = folder / song.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(song.data)
    return folder


def split(songs: Path, out: Path, **options: Any) -> Path:
    """Split songs in this process, and return the folder of the result."""
    split_library(songs, out, workers=0, **options)
    return out


def make_client(
    out: Path,
    *,
    host: str = "127.0.0.1",
    database: PostgresAddress | None = None,
    bank: SoundBank | None = None,
) -> TestClient:
    """Return a client of a server of a result, as a browser on the same machine.

    The server follows every change at once.
    """
    settings = ServerSettings(host=host, token=TOKEN)
    result = ServedResult(str(out), database, follows_at_once=True)
    app = make_app(result, settings, bank)
    return TestClient(app, base_url=ADDRESS, client=("127.0.0.1", 50_000), follow_redirects=False)


def change_headers(origin: str = ADDRESS) -> dict[str, str]:
    """Return the headers with which a page of the server changes something."""
    return {"X-Midiprism-Token": TOKEN, "Origin": origin}
