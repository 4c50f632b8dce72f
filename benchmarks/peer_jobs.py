"""The job of ``benchmarks/scale_out_peers.py`` in Ray Data and in Daft.

    python peer_jobs.py ray-data|daft SOURCE OUT [--few-columns]

Each reads the songs of a folder, splits them, and writes tracks, links and outcomes as Parquet files. A track
is written once, and a song has the outcome and the links of its first path. It runs in an environment that
has Ray Data, Daft and midiprism.
"""

import argparse
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa

READ_BLOCKS = 16
PARTITIONS = 8
BATCH_SONGS = 512
COMPRESSION = "zstd"
"""As midiprism has."""

_TEXT, _INTEGER, _NUMBER = pa.string(), pa.int64(), pa.float64()
TRACK_TYPE = pa.struct(
    [
        *((f"own_{name}", _TEXT) for name in ("name", "instrument", "family")),
        *((name, _INTEGER) for name in ("note_count", "duration_ticks", "lowest_pitch", "highest_pitch")),
        *((name, _INTEGER) for name in ("ticks_per_quarter", "tempo_count", "last_note_ticks", "note_hash")),
        ("tempo", _NUMBER),
        *((name, _TEXT) for name in ("time_signature", "key_signature")),
    ]
)
"""Columns of a track besides its digest and bytes, as midiprism has them."""

LINK_TYPE = pa.struct(
    [
        *((name, _INTEGER) for name in ("track_number", "channel", "program", "port", "drum_piece")),
        *((name, _TEXT) for name in ("name", "name_encoding", "instrument", "family")),
        *((name, _NUMBER) for name in ("duration_seconds", "last_note_seconds")),
    ]
)
"""Columns of a link besides its digests and position, as midiprism has them."""


def song_type(*, few: bool) -> pa.StructType:
    """Return the type of a split song: its digest, its outcome, and lists with an item for each track.

    Args:
        few: without what is of ``TRACK_TYPE`` and ``LINK_TYPE``.
    """
    lists = [("tracks", pa.binary()), ("music", pa.binary())]
    if not few:
        lists += [("of_tracks", TRACK_TYPE), ("of_links", LINK_TYPE)]
    scalars = [("song", pa.binary()), ("outcome", _TEXT)]
    return pa.struct([*scalars, *((name, pa.list_(kind)) for name, kind in lists)])


def split_songs(songs: Iterable[bytes], *, few: bool) -> pa.StructArray:
    """Return the songs split, each a row of ``song_type``."""
    from blake3 import blake3

    from midiprism.errors import CorruptMidiError
    from midiprism.smf import SplitTrack, split

    digests: list[bytes] = []
    outcomes: list[str] = []
    counts: list[int] = []
    tracks: list[SplitTrack] = []
    for song in songs:
        digests.append(blake3(song).digest())
        try:
            done = split(song)
        except CorruptMidiError:
            outcomes.append("corrupt")
            counts.append(0)
            continue
        outcomes.append(done.outcome)
        counts.append(len(done.tracks))
        tracks += done.tracks
    values: Iterable[Sequence[Any]] = zip(*tracks, strict=True) if tracks else [()] * len(SplitTrack._fields)
    columns = dict(zip(SplitTrack._fields, values, strict=True))
    items = {
        "tracks": pa.array([blake3(data).digest() for data in columns["data"]], pa.binary()),
        "music": pa.array(columns["data"], pa.binary()),
        "of_tracks": _struct_array(columns, TRACK_TYPE),
        "of_links": _struct_array(columns, LINK_TYPE),
    }
    offsets = pa.array(accumulate(counts, initial=0), pa.int32())
    arrays = [pa.array(digests, pa.binary()), pa.array(outcomes, _TEXT)]
    fields = [*song_type(few=few)]
    arrays += [pa.ListArray.from_arrays(offsets, items[field.name]) for field in fields[2:]]
    return pa.StructArray.from_arrays(arrays, fields=fields)


def _struct_array(columns: Mapping[str, Sequence[Any]], kind: pa.StructType) -> pa.StructArray:
    arrays = [pa.array(columns[field.name], field.type) for field in kind]
    return pa.StructArray.from_arrays(arrays, fields=[*kind])


# --- Ray Data


def run_ray_data(source: str, out: str, few: bool) -> None:
    """Do the job in Ray Data, on the cluster of ``RAY_ADDRESS``.

    Bytes of tracks cross the shuffle once, without those that one block has twice. A partition is one block,
    in which a vectorized function finds the first rows: ``groupby`` would call Python for each digest.
    """
    ray: Any = import_module("ray")
    import_module("ray.data")
    ray.init(log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    arrow: dict[str, Any] = {"batch_format": "pyarrow", "batch_size": None}
    writing: dict[str, Any] = {"compression": COMPRESSION, "compression_level": 1}
    songs = (
        ray.data.read_binary_files(source, include_paths=True, override_num_blocks=READ_BLOCKS)
        .map_batches(_split_rows, fn_args=(source, few), **arrow)
        .materialize()
    )
    (
        songs.map_batches(_tracks_of_rows, **arrow)
        .repartition(PARTITIONS, keys=["track"])
        .map_batches(_first_tracks, **arrow)
        .write_parquet(f"{out}/tracks", **writing)
    )
    firsts = (
        songs.select_columns(["path", "song", "outcome", "tracks", *([] if few else ["of_links"])])
        .repartition(PARTITIONS, keys=["song"])
        .map_batches(_first_songs, **arrow)
        .materialize()
    )
    firsts.select_columns(["path", "song", "outcome"]).write_parquet(f"{out}/outcomes", **writing)
    firsts.map_batches(_links_of_rows, **arrow).write_parquet(f"{out}/links", **writing)


def _split_rows(rows: pa.Table, source: str, few: bool) -> pa.Table:
    done = split_songs(map(bytes, rows.column("bytes").to_pylist()), few=few)
    paths = [os.path.relpath(path, source) for path in rows.column("path").to_pylist()]
    names = [field.name for field in done.type]
    return pa.Table.from_arrays([pa.array(paths), *done.flatten()], ["path", *names])


def _tracks_of_rows(rows: pa.Table) -> pa.Table:
    """Return a row for each track, without those that an earlier row has."""
    names = {"tracks": "track", "music": "music", "of_tracks": "of_track"}
    present = [name for name in names if name in rows.column_names]
    columns = [rows.column(name).combine_chunks().flatten() for name in present]
    return _first_tracks(pa.Table.from_arrays(columns, [names[name] for name in present]))


def _first_tracks(rows: pa.Table) -> pa.Table:
    return _first_rows(rows, "track")


def _first_songs(rows: pa.Table) -> pa.Table:
    return _first_rows(rows.sort_by("path"), "song")


def _links_of_rows(rows: pa.Table) -> pa.Table:
    import pyarrow.compute as pc

    tracks = rows.column("tracks").combine_chunks()
    parents = pc.list_parent_indices(tracks)
    starts = pc.take(pc.subtract(tracks.offsets, tracks.offsets[0]), parents)
    positions = pc.subtract(pa.array(range(len(parents)), pa.int32()), starts)
    columns = {
        "song": pc.take(rows.column("song"), parents),
        "position": positions,
        "track": tracks.flatten(),
    }
    if "of_links" in rows.column_names:
        columns["of_link"] = rows.column("of_links").combine_chunks().flatten()
    return pa.table(columns)


def _first_rows(rows: pa.Table, key: str) -> pa.Table:
    """Return the first row of each key."""
    if not len(rows):
        return rows
    numbered = pa.table({"key": rows.column(key), "number": pa.array(range(len(rows)))})
    firsts = numbered.group_by("key", use_threads=False).aggregate([("number", "min")])
    return rows.take(firsts.column("number_min"))


# --- Daft


def run_daft(source: str, out: str, few: bool) -> None:
    """Do the job in Daft, with its native runner, which is the fastest on one machine."""
    daft: Any = import_module("daft")
    col, length = daft.col, daft.functions.length
    daft.set_runner_native()

    def split_series(songs: Any) -> Any:
        return split_songs(songs.to_pylist(), few=few)

    kind = daft.DataType.from_arrow_type(song_type(few=few))
    split_column = daft.func.batch(return_dtype=kind, batch_size=BATCH_SONGS, unnest=True)(split_series)
    prefix = len(Path(source).as_uri()) + 1
    songs = (
        daft.from_glob_path(f"{source}/**/*.mid")
        .select(col("path").substr(prefix).alias("path"), daft.functions.download(col("path")).alias("bytes"))
        .select(col("path"), split_column(col("bytes")))
        .collect()
    )
    with_tracks = songs.where(length(col("tracks")) > 0)
    columns = ["music"] if few else ["music", "of_tracks"]
    tracks = with_tracks.select("tracks", *columns).explode("tracks", *columns)
    tracks = tracks.groupby(col("tracks").alias("track")).agg(*(col(name).any_value() for name in columns))
    tracks.write_parquet(f"{out}/tracks", compression=COMPRESSION)
    columns = ["tracks"] if few else ["tracks", "of_links"]
    others = [col(name).any_value() for name in ("outcome", *columns)]
    firsts = songs.groupby("song").agg(col("path").min(), *others).collect()
    firsts.select("path", "song", "outcome").write_parquet(f"{out}/outcomes", compression=COMPRESSION)
    # Of an empty list there is no row, and an index: explode then ends with an error.
    links = firsts.where(length(col("tracks")) > 0)
    links = links.select("song", col("tracks").alias("track"), *columns[1:])
    links = links.explode("track", *columns[1:], index_column="position")
    links.write_parquet(f"{out}/links", compression=COMPRESSION)


JOBS: dict[str, Callable[[str, str, bool], None]] = {"ray-data": run_ray_data, "daft": run_daft}


def main() -> None:
    """Do one job."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("source")
    parser.add_argument("out")
    parser.add_argument("--few-columns", action="store_true")
    options = parser.parse_args()
    JOBS[options.job](options.source, options.out, options.few_columns)


if __name__ == "__main__":
    main()
