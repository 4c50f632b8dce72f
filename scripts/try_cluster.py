"""Try a cluster on this machine: SeaweedFS and Ray with two nodes, from songs in a bucket to a result in it.

    PYTHONPATH=tests python scripts/try_cluster.py [--songs N] [CORPUS ...]

It puts sample songs into a bucket, and those of a corpus: folders or zip archives. Then it splits them on the
cluster, verifies and lists the result, and opens it in DuckDB and ``datasets``. All of it runs in namespaces
of its own, which have only the loopback interface, and ends with the command. Needs Linux, and ``unshare`` of
util-linux.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from midiprism.generations.result import open_result
from midiprism.objects import open_storage
from midiprism.sample.write import write_songs
from midiprism.sources.file_types import is_midi_name
from support.cloud_servers import S3_SECRET, S3_USER, seaweedfs_server
from support.ray_scenario import bring_loopback_up, in_namespaces, ray_environment, start_cluster

SONGS_URL, RESULT_URL = "s3://lake/songs", "s3://lake/result"
PUTS_IN_FLIGHT = 16


def main() -> None:
    """Parse the arguments, and run everything in new namespaces."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", nargs="*", type=Path, help="folders and zip archives of songs")
    parser.add_argument("--songs", type=int, default=20_000, help="number of sample songs (default: 20000)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        with ray_environment() as environment:
            command = in_namespaces([sys.argv[0], "--inside", *sys.argv[1:]])
            sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    bring_loopback_up()
    with seaweedfs_server() as address:
        os.environ |= {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": S3_USER,
            "AWS_SECRET_ACCESS_KEY": S3_SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        _step("Songs are put into the bucket.")
        print(f"{_put_songs(options.corpus, options.songs):,} songs are in {SONGS_URL}.")
        _step("A Ray cluster of two nodes starts.")
        cluster = start_cluster(2)
        try:
            _step("They are split.")
            _midiprism("split", SONGS_URL, "-o", RESULT_URL, "--engine", "ray", "--address", cluster.address)
        finally:
            cluster.shutdown()
        _step("The result is verified and listed.")
        _midiprism("verify", RESULT_URL)
        _midiprism("list", RESULT_URL, "--limit", "5")
        _open_result()


def _step(text: str) -> None:
    print(f"\n{time.strftime('%X')} {text}", flush=True)


def _midiprism(*arguments: str) -> None:
    command = [sys.executable, "-m", "midiprism", *arguments]
    print(f"$ midiprism {' '.join(arguments)}", flush=True)
    code = subprocess.run(command, check=False).returncode
    if code not in (0, 1):  # 1: some songs are damaged
        sys.exit(code)


def _put_songs(corpus: list[Path], count: int) -> int:
    storage = open_storage(SONGS_URL)

    def put(song: tuple[str, bytes]) -> None:
        storage.put(*song)

    with tempfile.TemporaryDirectory(prefix="midiprism-songs-") as folder, ThreadPoolExecutor() as pool:
        write_songs(Path(folder), count, seed=1, duplicates=0.49)
        songs = (song for path in [Path(folder), *corpus] for song in _songs_of(path))
        return sum(1 for _ in pool.map(put, songs))


def _songs_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the songs of a folder or a zip archive, by their names in the bucket."""
    root = "samples" if path.name.startswith("midiprism-songs-") else path.stem
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if is_midi_name(os.fsencode(file)):
                yield f"{root}/{file.relative_to(path).as_posix()}", file.read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if is_midi_name(name.encode()):
                yield f"{root}/{name}", archive.read(name)


def _open_result() -> None:
    """Open the files that the manifest names in DuckDB and ``datasets``."""
    import datasets
    import duckdb
    import pyarrow.dataset
    from obstore.fsspec import FsspecStore, register

    manifest = open_result(open_storage(RESULT_URL)).newest_manifest()
    print(json.dumps(manifest.as_json() | {"files": len(manifest.files), "index": len(manifest.index)}))
    tracks = [f"{RESULT_URL}/{file.stored.name}" for file in manifest.files if file.table == "tracks"]
    access = {"allow_http": True}
    store: Any = FsspecStore
    _step("DuckDB opens the tracks.")
    files = store("s3", client_options=access)
    opened = pyarrow.dataset.dataset([name.removeprefix("s3://") for name in tracks], filesystem=files)
    query = "SELECT family, count(*) AS tracks FROM opened GROUP BY family ORDER BY tracks DESC LIMIT 8"
    print(duckdb.from_arrow(opened).query("opened", query))
    _step("datasets opens the tracks.")
    register("s3")
    rows = datasets.load_dataset(
        "parquet",
        data_files=tracks,
        split="train",
        streaming=True,
        storage_options={"client_options": access},
    )
    print({name: str(value)[:40] for name, value in next(iter(rows)).items()})
    count = sum(batch.num_rows for batch in rows.with_format("arrow").iter(batch_size=10_000))
    print(f"{count:,} rows.")
    if count != manifest.rows("tracks"):
        sys.exit("These are not the tracks of the manifest.")


if __name__ == "__main__":
    main()
