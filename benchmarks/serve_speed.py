"""Measure requests to ``midiprism serve`` over a large made-up result, and thumbnails of real sample tracks.

    python benchmarks serve_speed [--songs 607000] [--work FOLDER]

The catalog is written straight into SQLite, without songs or tracks; thumbnails, notes and the sound bank are
measured in a result of sample songs. Each request is one of a browser: over HTTP on the loopback device, with
JSON decoded. All times are of a warm cache; give the machine nothing else to do.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

from common import machine_description
from midiprism.api import split_library
from midiprism.results.identity import StoreKind
from midiprism.results.result_dir import catalog_path
from midiprism.sample.write import write_songs
from midiprism.search.upkeep import update_search_index
from midiprism.stores import STORE_KINDS
from search_speed import FILTERED, QUERIES
from synthetic_catalog import CatalogMaker

ROUNDS = 10
SAMPLE_SONGS = 300
THUMBNAILS = 50
SORTS = ("", "bpm-", "song", "name", "notes-")


class Client:
    """Asks a server that it has started.

    Args:
        out: folder of the result to serve.
        soundfont: sound bank to play with; None for that of the system.
    """

    def __init__(self, out: Path, soundfont: Path | None = None) -> None:
        command = [sys.executable, "-m", "midiprism", "serve", str(out), "--port", "0", "--no-open"]
        command += [] if soundfont is None else ["--soundfont", str(soundfont)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"http://\S+/", line)
        if found is None:
            raise SystemExit(line + self.process.stderr.read())
        self.address = found[0]

    def get(self, path: str, **parameters: Any) -> tuple[float, Any]:
        """Return the milliseconds that a request takes, and its answer."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        started = time.perf_counter()
        with urllib.request.urlopen(self.address + path + query) as answer:
            data = answer.read()
            is_json = answer.headers.get_content_type() == "application/json"
        found = json.loads(data) if is_json else data
        return (time.perf_counter() - started) * 1e3, found

    def memory(self) -> str:
        """Return the memory of the server, in words: with the pages of the index that it has mapped."""
        memory = psutil.Process(self.process.pid).memory_full_info()
        status = Path(f"/proc/{self.process.pid}/status")
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
        most = "" if peak is None else f", {int(peak[1]) * 1.024 / 1e3:.0f} MB at most"
        return f"{memory.rss / 1e6:.0f} MB resident{most}, {memory.uss / 1e6:.0f} MB of its own"


@contextmanager
def server_of(out: Path, soundfont: Path | None = None) -> Iterator[Client]:
    client = Client(out, soundfont)
    try:
        yield client
    finally:
        client.process.terminate()
        client.process.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=607_000, help="default: 607000")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="default: build/bench")
    parser.add_argument("--keep", action="store_true", help="use the made-up result of an earlier call")
    parser.add_argument("--soundfont", type=Path, help="sound bank; default: that of the system")
    options = parser.parse_args()
    out = options.work / f"serve-{options.songs}"
    print(machine_description(), flush=True)
    if not (options.keep and out.exists()):
        make_result(out, options.songs)
    with server_of(out) as client:
        measure_pages(client)
        measure_searches(client)
        measure_windows(client)
    for store in STORE_KINDS:
        measure_tracks(options.work, store, options.soundfont)


def make_result(out: Path, songs: int) -> None:
    shutil.rmtree(out, ignore_errors=True)
    maker = CatalogMaker(out)
    print(f"{songs:,} songs, {maker.add(songs):,} links", flush=True)
    maker.close()
    update_search_index(str(out), catalog_path(str(out)))


def measure_pages(client: Client) -> None:
    """Measure what the first page asks for, as the first requests of a new server."""
    shell, _ = client.get("")
    rows, found = client.get("api/search")
    print(f"first page: {shell:.0f} ms, its rows and facets of {found['total']:,} tracks: {rows:.0f} ms")
    print(f"memory after the first page: {client.memory()}", flush=True)


def measure_searches(client: Client) -> None:
    times: dict[str, list[float]] = {}
    for text in QUERIES:
        # Another query each time: the server keeps the last ones.
        variants = [f"{text} notes:{number}..".strip() for number in range(ROUNDS)]
        times[text] = [client.get("api/search", q=variant)[0] for variant in variants]
        print(f"{statistics.median(times[text]):7.1f} ms  {text or '(all)'} notes:N..")
    for what, texts in (("text and four filters", FILTERED), ("all of these", QUERIES)):
        print_quantiles(what, [value for text in texts for value in times[text]])
    print(f"memory after the searches: {client.memory()}", flush=True)


def print_quantiles(what: str, times: Sequence[float]) -> None:
    ordered = sorted(times)
    p50, p95 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.95))
    print(f"{what}, with facets, over HTTP: p50 {p50:.1f} ms, p95 {p95:.1f} ms")


def measure_windows(client: Client) -> None:
    total = client.get("api/search", limit=1)[1]["total"]
    for sort in SORTS:
        places = [int(total * share) for share in (0.9, 0.5, 0.7, 0.2)]
        first, *others = (client.get("api/search", sort=sort, offset=place, facets=0)[0] for place in places)
        shown = statistics.median(others)
        print(f"50 rows deep in all, by {sort or 'path'}: first {first:.0f} ms, then {shown:.1f} ms")
    print(f"memory after these: {client.memory()}", flush=True)


def measure_tracks(work: Path, store: StoreKind, soundfont: Path | None) -> None:
    """Measure thumbnails, notes and the sound bank for sample songs."""
    songs, out = work / "serve-songs", work / f"serve-{store}"
    for folder in (songs, out):
        shutil.rmtree(folder, ignore_errors=True)
    write_songs(songs, SAMPLE_SONGS, seed=3)
    split_library(songs, out, store=store)
    with server_of(out, soundfont) as client:
        rows = client.get("api/search", limit=200, sort="notes")[1]["tracks"]
        digests = [*dict.fromkeys(row["digest"] for row in rows)]
        times = []
        for start in range(0, len(digests) - THUMBNAILS, THUMBNAILS):
            ids = ",".join(digests[start : start + THUMBNAILS])
            times.append(client.get("api/thumbnails", ids=ids)[0])
        notes = [client.get(f"api/tracks/{digest}/notes")[0] for digest in digests[:100]]
        song_ids = [*dict.fromkeys(row["song_id"] for row in rows)]
        lanes = [client.get(f"api/songs/{song_id}/notes")[0] for song_id in song_ids[:50]]
        pictures = f"{THUMBNAILS} new thumbnails {statistics.median(times):.0f} ms (most {max(times):.0f})"
        of_track, of_song = statistics.median(notes), statistics.median(lanes)
        print(f"{store}: {pictures}, notes of a track {of_track:.1f} ms, of a song {of_song:.1f} ms")
        measure_bank(client, song_ids)


def measure_bank(client: Client, song_ids: Sequence[int]) -> None:
    if client.get("api/sound")[1]["bank"] is None:
        print("this system has no sound bank")
        return
    times, sizes = [], []
    for song_id in song_ids[:50]:
        lanes = client.get(f"api/songs/{song_id}/notes")[1]["lanes"]
        taken, data = client.get("api/bank", presets=",".join(map(presets_of, lanes)))
        times.append(taken)
        sizes.append(len(data))
    print(
        f"sound bank of a song: {statistics.median(times):.1f} ms (most {max(times):.1f}), "
        f"{statistics.median(sizes) / 1e3:.0f} kB (most {max(sizes) / 1e3:.0f})"
    )


def presets_of(lane: dict[str, Any]) -> str:
    """Return the preset and the keys that a lane plays."""
    bank, program = (128, lane["program"] or 0) if lane["is_drums"] else (0, lane["program"] or 0)
    keys = ".".join(map(str, sorted({*lane["notes"]["pitch"]})))
    return f"{bank}-{program}" + (f":{keys}" if keys else "")


if __name__ == "__main__":
    main()
