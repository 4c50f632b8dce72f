"""Catalogs of made-up songs, written straight into SQLite, as large as a big library's."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from midiprism.catalog import open_catalog
from midiprism.records.field import Field
from midiprism.records.fields import LINK_FIELDS, TRACK_FIELDS
from midiprism.results.identity import Identity
from midiprism.results.result_dir import catalog_path, write_marker

LINKS_PER_SONG = 4.78
SHARE_OF_REPEATED_TRACKS = 0.45
SONGS_PER_COMMIT = 2_000
_FAMILIES = ("Piano", "Bass", "Guitar", "Strings", "Brass", "Reed", "Drums", "Synth Lead", "Pad", "Organ")
_KEYS = [f"{tonic} {mode}" for tonic in ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
         for mode in ("major", "minor")]  # fmt: skip
_ROLES = ("drums", "bass", "melody", "chords", "arpeggio", "pad", "other")
_METERS = ("4/4", "3/4", "6/8", "2/4", "12/8", "5/4")
_WORDS = (
    *("love", "night", "blue", "moon", "river", "heart", "dance", "summer", "dream", "road", "fire", "rain"),
    *("house", "sweet", "long", "time", "home", "girl", "world", "light", "train", "baby", "rock", "wind"),
    *("star", "christmas", "king", "street", "gold", "dark"),
)


class CatalogMaker:
    """Makes a result with a catalog of made-up songs, and adds more to it.

    Args:
        out: folder of the result, which is made.
        seed: of the random numbers.
    """

    def __init__(self, out: Path, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        self._songs = 0
        self._tracks = 0
        out.mkdir(parents=True)
        write_marker(str(out), "result", Identity().as_dict())
        path = catalog_path(str(out))
        with open_catalog(path) as catalog:
            self._run_id = catalog.begin_run({}, "2026-11-01T00:00:00+00:00")
        self._connection = sqlite3.connect(path)
        self._connection.execute("PRAGMA synchronous = OFF")

    def checkpoint(self) -> None:
        """Write all to the file, so that another process may read it."""
        self._connection.commit()
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Write all to the file."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def add(self, songs: int) -> int:
        """Add songs, and return how many links they have."""
        links = 0
        while songs > 0:
            links += self._add_commit(min(songs, SONGS_PER_COMMIT))
            songs -= SONGS_PER_COMMIT
        return links

    def _add_commit(self, songs: int) -> int:
        rng = self._rng
        ids = np.arange(self._songs + 1, self._songs + songs + 1)
        counts = rng.poisson(LINKS_PER_SONG - 1, songs) + 1
        links = int(counts.sum())
        is_new = (rng.random(links) > SHARE_OF_REPEATED_TRACKS) | (self._tracks == 0)
        new = int(is_new.sum())
        track_ids = np.where(is_new, self._tracks + np.cumsum(is_new), 1)
        if self._tracks:
            old = ~is_new
            track_ids[old] = rng.integers(1, self._tracks + 1, int(old.sum()))
        self._insert("tracks", {
            "id": (np.arange(new) + self._tracks + 1).tolist(),
            **{field.name: self._values(field, new) for field in TRACK_FIELDS},
            "run_id": [self._run_id] * new,
        })  # fmt: skip
        self._insert("songs", {
            "id": ids.tolist(),
            "digest": [rng.bytes(32) for _ in range(songs)],
            "outcome": ["split"] * songs,
            "size": rng.integers(1_000, 90_000, songs).tolist(),
            "link_count": counts.tolist(),
            "contract_version": [1] * songs,
            "run_id": [self._run_id] * songs,
        })  # fmt: skip
        names = [self._song_name(song_id) for song_id in ids.tolist()]
        self._insert("song_paths", {
            "path": [f"/music/library {index % 7}/{name}.mid".encode() for index, name in enumerate(names)],
            "root_length": [17] * songs,
            "song_name": names,
            "size": [1] * songs,
            "mtime_ns": [1] * songs,
            "song_id": ids.tolist(),
        })  # fmt: skip
        starts = np.repeat(np.cumsum(counts) - counts, counts)
        self._insert("links", {
            "song_id": np.repeat(ids, counts).tolist(),
            "position": (np.arange(links) - starts).tolist(),
            **{field.name: self._values(field, links) for field in LINK_FIELDS},
            "track_id": track_ids.tolist(),
        })  # fmt: skip
        batch = {"run_id": self._run_id, "songs": songs, "links": links, "tracks_new": new,
                 "files_written": new, "bytes_written": 1, "disk_bytes": 1, "seconds": 1.0,
                 "committed_at": "2026-11-01", "changed_songs": f"{ids[0]}-{ids[-1]}"}  # fmt: skip
        self._insert("batches", {name: [value] for name, value in batch.items()})
        self._connection.commit()
        self._songs += songs
        self._tracks += new
        return links

    def _song_name(self, song_id: int) -> str:
        words = self._rng.choice(_WORDS, 3)
        return f"artist {song_id % 9_973}/{' '.join(words)} {song_id}"

    def _insert(self, table: str, columns: dict[str, Sequence[Any]]) -> None:
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        self._connection.executemany(statement, zip(*columns.values(), strict=True))

    def _values(self, field: Field, count: int) -> Any:
        """Return made-up values of a field, about as many different ones as real ones have."""
        rng, name = self._rng, field.name
        if name == "digest":
            return [rng.bytes(32) for _ in range(count)]
        if field.sql_type == "blob":
            return [None] * count
        if name in ("key", "key_signature", "key_signatures"):
            return rng.choice(_KEYS, count).tolist()
        if name in ("time_signature", "time_signatures"):
            return rng.choice(_METERS, count, p=(0.7, 0.1, 0.1, 0.04, 0.03, 0.03)).tolist()
        if name == "role":
            return rng.choice(_ROLES, count).tolist()
        if name == "family":
            return rng.choice(_FAMILIES, count).tolist()
        if name == "name":
            return [f"{word} {number}" for word, number in zip(rng.choice(_WORDS, count).tolist(),
                    rng.integers(0, 500, count).tolist(), strict=True)]  # fmt: skip
        if field.python_type is str:
            return [f"{name} {number}" for number in rng.integers(0, 120, count).tolist()]
        if "tempo" in name and field.python_type is float:
            return np.round(rng.normal(115, 25, count).clip(30, 240), 1).tolist()
        if name.endswith("_seconds"):
            return (200 * rng.random(count)).tolist()
        if field.python_type is float:
            return rng.random(count).astype(np.float32).astype(float).tolist()
        if name == "note_count":
            return rng.geometric(1 / 500, count).tolist()
        if "ticks" in name:
            return rng.integers(0, 400_000, count).tolist()
        if field.grouped:
            return [None] * count
        high = {"channel": 16, "mpe": 2, "is_drums": 2, "loops": 2, "nomml": 13}.get(name, 128)
        return rng.integers(0, high, count).tolist()
