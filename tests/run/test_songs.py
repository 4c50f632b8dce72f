"""The table of songs of a result in shards says what the catalogue says, song by song."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from midiprism.catalog import read_catalog
from midiprism.run import Settings
from midiprism.run.grouping import FEWEST_NOTES, Links, group, group_songs, titles_of
from midiprism.run.songs import write_songs
from midiprism.store.columns import path_texts
from midiprism.store.parquet import SONGS, ParquetStore
from support import catalogs as keeping
from support.catalogs import change, query
from support.fake import BASS, DRUMS, PIANO, song, write
from support.runs import run

pytestmark = pytest.mark.usefixtures("catalogs")

LONG = PIANO + "long"  # notes enough to group songs


def library(folder: Path) -> Path:
    """Songs under several paths, of one title, with one long track or short one, and what is no song."""
    files = {
        "z/Yesterday.mid": song(LONG, BASS),
        "a/Yesterday (2).mid": song(BASS, DRUMS),
        "a/Tomorrow.mid": song(LONG, BASS),
        "b/Another Name.mid": song(DRUMS, LONG, LONG),
        "b/Alone.mid": song(BASS),
        "b/Alone again.mid": song(BASS, DRUMS, DRUMS),
        "none.mid": song(),
        "not.mid": b"no song",
    }
    files |= {f"copies/{n}.mid": files["b/Alone.mid"] for n in range(7)}
    files |= {f"many/{n}.mid": song(PIANO + str(n)) for n in range(9)}
    write(folder, files)
    if sys.platform == "linux":
        for name in (b"\xe9t\xe9.mid", b"a/\xff\xfe.mid"):
            Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(song(DRUMS + name.hex()))
    return folder


def told(out: Path) -> list[dict[str, Any]]:
    """The rows as they should be, by plain queries."""
    known = query(out, "SELECT id, digest FROM parents WHERE digest IS NOT NULL ORDER BY id")
    place = {number: at for at, (number, _) in enumerate(known)}
    paths = query(out, "SELECT parent_id, path, root_length, song FROM parent_paths")
    links = query(
        out,
        "SELECT parent_id, track_id FROM track_splits JOIN tracks ON tracks.id = track_id "
        f"WHERE note_count >= {FEWEST_NOTES}",
    )
    pairs = [(place[number], track) for number, track in links if number in place]
    keys = group_songs(
        [bytes(digest) for _, digest in known],
        titles_of((place[number], title) for number, _, _, title in paths if number in place),
        Links(*np.array(pairs, np.int64).reshape(-1, 2).T),
    )
    rows = []
    for (number, digest), key in zip(known, keys.tolist(), strict=True):
        [(size, outcome, kind, tracks, division, ticks, seconds, splits)] = query(
            out,
            "SELECT size, outcome, format, num_tracks, division, duration_ticks, duration_seconds, splits "
            f"FROM parents WHERE id = {number}",
        )
        own = sorted((bytes(path), length) for parent, path, length, _ in paths if parent == number)
        text, octets = path_texts(own[0][0][own[0][1] :]) if own else (None, None)
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
                "track_count": splits,
                "song_group": group(key).key,
                "fold": group(key).fold,
            }
        )
    return rows


@pytest.mark.parametrize("fetched", [1, 2, 3, 1_000])
def test_rows_are_what_the_catalogue_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetched: int
) -> None:
    out = tmp_path / "out"
    run(library(tmp_path / "songs"), out, Settings(store="parquet", workers=0))
    for outcome, division in (("corrupt", None), ("no_notes", 0)):
        change(out, "UPDATE parents SET division = ? WHERE outcome = ?", division, outcome)
    numbers = [number for (number,) in query(out, "SELECT id FROM parents ORDER BY id")]
    change(out, "UPDATE parents SET division = ? WHERE id = ?", 0xE728, numbers[2])  # 25 frames of 40 ticks
    change(out, "UPDATE parents SET division = ? WHERE id = ?", -6360, numbers[3])
    change(out, "UPDATE parents SET digest = NULL, outcome = 'unreadable' WHERE id = ?", numbers[5])
    change(out, "DELETE FROM parent_paths WHERE parent_id = ?", numbers[7])
    monkeypatch.setattr("midiprism.catalog.songs._FETCHED", fetched)
    with read_catalog(keeping.address(out)) as catalog, ParquetStore(out) as store:
        assert write_songs(catalog, store) == len(numbers) - 1
    rows = pq.read_table(out / SONGS).to_pylist()
    assert rows == told(out)
    assert None in {row["path"] for row in rows}
    assert 2 < len({row["song_group"] for row in rows}) < len(rows)


def test_a_result_without_songs_has_an_empty_table(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(write(tmp_path / "songs", {"a.mid": song(BASS)}), out, Settings(store="parquet", workers=0))
    change(out, "UPDATE parents SET digest = NULL")
    with read_catalog(keeping.address(out)) as catalog, ParquetStore(out) as store:
        assert write_songs(catalog, store) == 0
    assert pq.read_table(out / SONGS).num_rows == 0
