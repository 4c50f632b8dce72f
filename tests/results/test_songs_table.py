"""Tests of the songs table of a result in shards, which agrees with the catalog."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from midiprism.catalog import open_read_only
from midiprism.results.leakage_groups import (
    MIN_NOTES,
    NoteHashes,
    group_songs,
    hash_titles,
    joined_prefixes,
    leakage_group,
    prefix_numbers,
)
from midiprism.results.songs_table import write_songs_table
from midiprism.stores.parquet.schema import path_text_and_bytes
from midiprism.stores.parquet.shard_set import ParquetShards
from midiprism.stores.sharded import SONGS_TABLE
from support import catalog_access
from support.catalog_access import execute, query
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, write_files
from support.runs import make_settings, run_split

pytestmark = pytest.mark.usefixtures("catalog_backend")

LONG = PIANO + "long"  # enough notes to group songs


def library(folder: Path) -> Path:
    """Write songs with several paths, one title, one long or one short track, and files that are no songs."""
    files = {
        "z/Yesterday.mid": fake_song(LONG, BASS),
        "a/Yesterday (2).mid": fake_song(BASS, DRUMS),
        "a/Tomorrow.mid": fake_song(LONG, BASS),
        "b/Another Name.mid": fake_song(DRUMS, LONG, LONG),
        "b/Alone.mid": fake_song(BASS),
        "b/Alone again.mid": fake_song(BASS, DRUMS, DRUMS),
        "none.mid": fake_song(),
        "not.mid": b"no song",
    }
    files |= {f"copies/{n}.mid": files["b/Alone.mid"] for n in range(7)}
    files |= {f"many/{n}.mid": fake_song(PIANO + str(n)) for n in range(9)}
    write_files(folder, files)
    if sys.platform == "linux":
        for name in (b"\xe9t\xe9.mid", b"a/\xff\xfe.mid"):
            Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(
                fake_song(DRUMS + name.hex())
            )
    return folder


def expected_rows(out: Path) -> list[dict[str, Any]]:
    """Return the expected rows, by plain queries."""
    known = query(out, "SELECT id, digest, link_count FROM songs WHERE digest IS NOT NULL ORDER BY id")
    place = {number: at for at, (number, *_) in enumerate(known)}
    paths = query(out, "SELECT song_id, path, root_length, song_name FROM song_paths")
    links = query(
        out,
        "SELECT song_id, note_hash FROM links JOIN tracks ON tracks.id = track_id "
        f"WHERE note_count >= {MIN_NOTES}",
    )
    pairs = [(place[number], note_hash) for number, note_hash in links if number in place]
    keys = group_songs(
        prefix_numbers(joined_prefixes(bytes(digest) for _, digest, _ in known)),
        np.array([link_count > 0 for *_, link_count in known], bool),
        hash_titles((place[number], title) for number, _, _, title in paths if number in place),
        NoteHashes(*np.array(pairs, np.int64).reshape(-1, 2).T),
    )
    rows = []
    for (number, digest, _), key in zip(known, keys.tolist(), strict=True):
        [(size, outcome, kind, tracks, division, ticks, seconds, lost, splits, *key_facts)] = query(
            out,
            "SELECT size, outcome, format, num_tracks, division, duration_ticks, duration_seconds, "
            "lost_bytes, link_count, song_key, song_key_strength "
            f"FROM songs WHERE id = {number}",
        )
        own = sorted((bytes(path), length) for song, path, length, _ in paths if song == number)
        text, octets = path_text_and_bytes(own[0][0][own[0][1] :]) if own else (None, None)
        rows.append(
            {
                "blake3": bytes(digest).hex(),
                "path": text if text is None else text.replace(os.sep, "/"),
                "path_bytes": octets,
                "size": size,
                "outcome": outcome,
                "format": kind,
                "num_tracks": tracks,
                "ticks_per_quarter": division if division is not None and 0 < division < 0x8000 else None,
                "duration_ticks": ticks,
                "duration_seconds": seconds,
                "lost_bytes": lost,
                "track_count": splits,
                "song_group": leakage_group(key).key,
                "fold": leakage_group(key).fold,
                "source": None if text is None else str(out.parent / "songs"),
                "source_metadata": None,
                "song_key": key_facts[0],
                "song_key_strength": key_facts[1],
                "similar_song_group": None,
                "other_source_metadata": None,
            }
        )
    return rows


@pytest.mark.parametrize("fetched", [1, 2, 3, 1_000])
def test_rows_agree_with_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetched: int) -> None:
    out = tmp_path / "out"
    run_split(library(tmp_path / "songs"), out, make_settings(store="parquet", workers=0))
    for outcome, division in (("corrupt", None), ("no_notes", 0)):
        execute(out, "UPDATE songs SET division = ? WHERE outcome = ?", division, outcome)
    numbers = [number for (number,) in query(out, "SELECT id FROM songs ORDER BY id")]
    execute(out, "UPDATE songs SET division = ? WHERE id = ?", 0xE728, numbers[2])  # 25 frames of 40 ticks
    execute(out, "UPDATE songs SET division = ? WHERE id = ?", -6360, numbers[3])
    execute(out, "UPDATE songs SET digest = NULL, outcome = 'unreadable' WHERE id = ?", numbers[5])
    execute(out, "DELETE FROM song_paths WHERE song_id = ?", numbers[7])
    monkeypatch.setattr("midiprism.catalog.queries.song_rows.FETCH_ROWS", fetched)
    with open_read_only(catalog_access.catalog_address(out)) as catalog:
        assert write_songs_table(catalog, ParquetShards(out)) == len(numbers) - 1
    rows = pq.read_table(out / SONGS_TABLE).to_pylist()
    assert rows == expected_rows(out)
    assert None in {row["path"] for row in rows}
    assert 2 < len({row["song_group"] for row in rows}) < len(rows)


def test_a_result_without_songs_has_an_empty_table(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_split(
        write_files(tmp_path / "songs", {"a.mid": fake_song(BASS)}),
        out,
        make_settings(store="parquet", workers=0),
    )
    execute(out, "UPDATE songs SET digest = NULL")
    with open_read_only(catalog_access.catalog_address(out)) as catalog:
        assert write_songs_table(catalog, ParquetShards(out)) == 0
    assert pq.read_table(out / SONGS_TABLE).num_rows == 0
