"""The results of ``benchmarks/scale_out_peers.py``, and the check that they are equal."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
from blake3 import blake3

import midiprism

MOST_SHOWN = 3


class WrongResultError(Exception):
    """A side did not do the job: its result is damaged, or another than that of the others."""


class PeerResult(NamedTuple):
    """The rows that a side has written.

    Attributes:
        tracks: digest of each track, in hex.
        links: digest of a song, position of a track in it, digest of the track.
        outcomes: digest of a song, its first path below the source, its outcome.
    """

    tracks: frozenset[str]
    links: frozenset[tuple[str, int, str]]
    outcomes: frozenset[tuple[str, str, str]]


def read_midiprism(out: Path) -> PeerResult:
    """Return the result of midiprism in a folder.

    Raises:
        WrongResultError: it is damaged.
    """
    tables = {table: midiprism.table_files(out.as_uri(), table) for table in ("tracks", "links", "songs")}
    return _make_result(
        _rows(tables["tracks"], ("blake3", "music")),
        _rows(tables["links"], ("song_blake3", "position", "track_blake3")),
        _rows(tables["songs"], ("blake3", "path", "outcome")),
    )


def read_peer(out: Path) -> PeerResult:
    """Return the result of a job of ``benchmarks/peer_jobs.py`` in a folder.

    Raises:
        WrongResultError: it is damaged.
    """
    files = {table: sorted(map(str, (out / table).glob("*.parquet"))) for table in PeerResult._fields}
    return _make_result(
        [(digest.hex(), music) for digest, music in _rows(files["tracks"], ("track", "music"))],
        [
            (song.hex(), position, track.hex())
            for song, position, track in _rows(files["links"], ("song", "position", "track"))
        ],
        [
            (song.hex(), path, outcome)
            for song, path, outcome in _rows(files["outcomes"], ("song", "path", "outcome"))
        ],
    )


def _rows(files: Sequence[str], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for file in files:
        table = pq.ParquetFile(file).read(columns=list(columns))
        rows += zip(*(table.column(name).to_pylist() for name in columns), strict=True)
    return rows


def _make_result(
    tracks: Iterable[tuple[Any, ...]], links: Iterable[tuple[Any, ...]], outcomes: Iterable[tuple[Any, ...]]
) -> PeerResult:
    digests = []
    for digest, music in tracks:
        if blake3(music).hexdigest() != digest:
            raise WrongResultError(f"the bytes of track {digest} are others")
        digests.append(digest)
    return PeerResult(
        distinct("tracks", digests),
        distinct("links", links),
        distinct("outcomes", outcomes, key=lambda it: it[0]),
    )


def distinct(table: str, rows: Iterable[Any], key: Any = None) -> frozenset[Any]:
    """Return the rows of a table.

    Args:
        table: its name, for errors.
        rows: its rows.
        key: returns what must be different in each row; None for the row itself.

    Raises:
        WrongResultError: two rows are the same.
    """
    listed = list(rows)
    counts = Counter(listed if key is None else map(key, listed))
    repeated = sum(counts.values()) - len(counts)
    if repeated:
        raise WrongResultError(f"{repeated:,} rows of {table} repeat others")
    return frozenset(listed)


def require_equal(results: Mapping[str, PeerResult]) -> None:
    """Check that all sides have written the same.

    Raises:
        WrongResultError: one has not.
    """
    (first, expected), *others = results.items()
    for side, result in others:
        for table, rows in expected._asdict().items():
            missing, unknown = rows - getattr(result, table), getattr(result, table) - rows
            if missing or unknown:
                raise WrongResultError(
                    f"{side} lacks {len(missing):,} {table} of {first}{_examples(missing)}, and has "
                    f"{len(unknown):,} others{_examples(unknown)}"
                )


def _examples(rows: Collection[Any]) -> str:
    return f" ({'; '.join(map(str, sorted(rows)[:MOST_SHOWN]))})" if rows else ""
