"""Songs for results in object storage, and the rows of such results beside those of local ones."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow
import pyarrow.parquet

from midiprism import split_library
from midiprism.generations.errors import GenerationError
from midiprism.generations.planning import ChunkLimits
from midiprism.generations.result import Manifest, open_or_create_result, open_result
from midiprism.generations.run import RunOptions
from midiprism.generations.run_parts import RunParts
from midiprism.generations.splitting import Machine
from midiprism.generations.tables import OUTCOME_COLUMNS
from midiprism.objects import ObjectStorage, ReadRequest, open_storage
from midiprism.pipeline.splitter import LazySplitter, Splitter
from midiprism.results.identity import Identity, RequestedIdentity
from midiprism.smf.types import CONTRACT_VERSION, By, Limits
from midiprism.sources import open_source
from support.broken_files import BROKEN_FILES
from support.object_stores import Hook, HookedStorage
from support.sample_songs import FEW, sample_songs

Rows = dict[str, list[str]]

OLDER_CONTRACT = CONTRACT_VERSION - 1

SMALL_CHUNKS = ChunkLimits(max_songs=7, chunks=100, min_songs=7)


def in_order(numbers: list[int]) -> None:
    """Leave tasks in their order."""


def options(**values: Any) -> RunOptions:
    """Return options for few songs in many chunks."""
    return RunOptions(**{"chunks": SMALL_CHUNKS, "prefixes": 2, **values})


def parts(**values: Any) -> RunParts:
    """Return parts that do tasks in order."""
    return RunParts(**{"shuffle": in_order, **values})


def _older_splitter(identity: Identity, limits: Limits, encoding: str | None) -> Splitter:
    """Return the splitter of an earlier contract, by which some songs have other tracks than by this one."""
    by: By = "track" if identity.by == "auto" else identity.by
    return LazySplitter(replace(identity, by=by, context="full"), limits, encoding)


def older_parts(**values: Any) -> RunParts:
    """Return the parts of an earlier version, which splits otherwise."""
    machine = Machine(make_splitter=_older_splitter)
    return parts(**{"machine": machine, "contract": OLDER_CONTRACT, **values})


def parts_with_hooked_source(source: str, hook: Hook) -> RunParts:
    """Return parts whose source calls a hook before and after each request."""

    def open_hooked(url: str, *, make_folder: bool = False) -> ObjectStorage:
        storage = open_storage(url, make_folder=make_folder)
        return HookedStorage(storage, hook) if url == source else storage

    return parts(open_storage=open_hooked)


def stop_at(pass_name: str) -> Callable[[object], None]:
    """Return a listener of progress that ends a run at a pass."""

    def stop(progress: object) -> None:
        if getattr(progress, "pass_name", "") == pass_name:
            raise GenerationError("stopped")

    return stop


def song_bytes(first: int, last: int) -> list[bytes]:
    """Return sample songs."""
    return [song.data for song in sample_songs(max(FEW, last))[first:last]]


def some_songs(count: int = 20, broken: int = 12) -> dict[str, bytes]:
    """Return songs by their keys: good and broken ones, copies, and objects that are no songs."""
    songs = {f"good/{number:03} ü#?.mid": data for number, data in enumerate(song_bytes(0, count))}
    songs |= {f"Broken/{number:03}.MID": file.data for number, file in enumerate(BROKEN_FILES[::5][:broken])}
    songs |= {f"copies/{number:03}.mid": data for number, data in enumerate(song_bytes(0, 3))}
    return songs | {
        "zz/not-midi.mid": b"nothing of the kind",
        "zz/empty.mid": b"",
        "zz/._hidden.mid": b"junk",
        "__MACOSX/a.mid": b"junk",
        "notes.txt": b"no song",
    }


def put_songs(storage: ObjectStorage, songs: dict[str, bytes]) -> None:
    """Put songs under their keys."""
    for key, data in songs.items():
        storage.put(key, data)


def memory_url() -> str:
    """Return the URL of new storage in memory."""
    return f"memory://{uuid4()}"


def source_with(songs: dict[str, bytes]) -> str:
    """Return the URL of new storage in memory with these songs."""
    url = memory_url()
    put_songs(open_storage(url), songs)
    return url


def empty_result() -> str:
    """Return the URL of a result in memory without a generation."""
    url = memory_url()
    open_or_create_result(open_storage(url), RequestedIdentity(), 2)
    return url


def stored_rows(url: str) -> Rows:
    """Return the sorted rows of a result in object storage, read as its newest manifest says."""
    storage = open_storage(url)
    manifest = open_result(storage).newest_manifest()
    rows: Rows = {}
    for table in ("tracks", "links", "songs"):
        rows[table] = sorted(map(repr, table_rows(storage, manifest, table)))
        assert len(rows[table]) == manifest.rows(table)
    rows["songs"] = _song_rows(table_rows(storage, manifest, "songs"))
    assert len({*rows["tracks"]}) == len(rows["tracks"])
    return rows


def table_rows(storage: ObjectStorage, manifest: Manifest, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table of a result."""
    found: list[dict[str, Any]] = []
    for file in manifest.files:
        if file.table == table:
            data = storage.read(ReadRequest(file.stored.name))
            found += pyarrow.parquet.read_table(pyarrow.BufferReader(data)).to_pylist()
    return found


def local_rows(
    songs: dict[str, bytes], folder: Path, *, enter_archives: bool = False, **settings: Any
) -> Rows:
    """Return the sorted rows of a local result in Parquet files of the same songs."""
    for key, data in songs.items():
        path = folder / "songs" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    out = folder / "out"
    source = open_source([folder / "songs"], enter_archives=enter_archives)
    split_library(source, out, store="parquet", workers=0, **settings)
    rows: Rows = {}
    for table in ("tracks", "links"):
        found = [row for file in (out / table).glob("*.parquet") for row in _read(file)]
        rows[table] = sorted(map(repr, found))
    rows["songs"] = _song_rows(_read(out / "songs" / "songs.parquet"))
    return rows


def _read(file: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(file).to_pylist()
    return rows


def _song_rows(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the rows of songs as text, with the columns that both kinds of results have."""
    names = [column.name for column in OUTCOME_COLUMNS if column.name != "problems"]
    return sorted(repr({name: row[name] for name in names}) for row in rows)
