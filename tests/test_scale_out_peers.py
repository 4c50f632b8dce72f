"""Tests of the comparison with Ray Data and Daft, without both: options, functions, check of the results."""

import argparse
import importlib
import re
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midiprism.generations.run import split_to_storage
from midiprism.sample.write import write_songs
from support.generation_results import options, parts

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


class Modules(NamedTuple):
    """The modules of the benchmark."""

    benchmark: Any
    jobs: Any
    results: Any


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Modules:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return Modules(*map(importlib.import_module, ("scale_out_peers", "peer_jobs", "peer_results")))


def test_sides_are_chosen_by_their_names(modules: Modules) -> None:
    parser = modules.benchmark.make_parser()
    chosen = parser.parse_args(["--sides", "daft,midiprism", "--songs", "2000", "--few-columns"])
    assert (chosen.sides, chosen.songs, chosen.rounds) == (("daft", "midiprism"), 2000, 1)
    assert chosen.few_columns
    assert parser.parse_args([]).sides == ("midiprism", "ray-data", "daft")
    for text in ("dask", "daft,daft", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="each once"):
            modules.benchmark.parse_sides(text)


def test_the_versions_of_peers_are_pinned(modules: Modules) -> None:
    assert all(re.fullmatch(r"[\w\[\]]+==[\d.]+", peer) for peer in modules.benchmark.PEERS)


def test_songs_have_copies_and_one_that_is_no_midi_file(modules: Modules, tmp_path: Path) -> None:
    folder = modules.benchmark.songs_folder(tmp_path, 201)
    data = [path.read_bytes() for path in folder.rglob("*.mid")]
    assert (len(data), len(set(data))) == (201, 199)
    assert b"not a song" in data


def test_costs_are_compared_round_by_round(modules: Modules, capsys: pytest.CaptureFixture[str]) -> None:
    cost = modules.benchmark.Cost
    modules.benchmark.print_costs(
        {"midiprism": [cost(1, 2, 3, 4), cost(2, 2, 3, 4)], "daft": [cost(2, 1, 3, 4), cost(3, 2, 3, 4)]}
    )
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("midiprism: wall 1.5 s; cpu 2.0 s; ")
    assert "wall 2.5 s, 1.75 (1.50 to 2.00) times midiprism; cpu 1.5 s, 0.75 (0.50 to 1.00)" in second


@pytest.mark.parametrize("few", [True, False])
def test_the_functions_of_the_job_make_the_result_of_midiprism(
    modules: Modules, tmp_path: Path, few: bool
) -> None:
    jobs, results = modules.jobs, modules.results
    songs, out = tmp_path / "songs", tmp_path / "peer"
    write_songs(songs, 8, seed=5, duplicates=0.5)
    copied = min(songs.rglob("*.mid"))
    (songs / "~copy.mid").write_bytes(copied.read_bytes())
    (songs / "~broken.mid").write_bytes(b"not a song")
    paths = sorted(map(str, songs.rglob("*.mid")), reverse=True)
    read = pa.table({"path": paths, "bytes": [Path(path).read_bytes() for path in paths]})
    rows = jobs._split_rows(read, str(songs), few)
    firsts = jobs._first_songs(rows)
    write(out / "tracks", jobs._tracks_of_rows(rows))
    write(out / "outcomes", firsts.select(["path", "song", "outcome"]))
    write(out / "links", jobs._links_of_rows(firsts))
    url = (tmp_path / "result").as_uri()
    split_to_storage(songs.as_uri(), url, options(), parts())
    midiprism, peer = results.read_midiprism(tmp_path / "result"), results.read_peer(out)
    results.require_equal({"midiprism": midiprism, "peer": peer})
    assert len(peer.outcomes) == 9


def write(folder: Path, rows: pa.Table) -> None:
    folder.mkdir(parents=True)
    pq.write_table(rows, folder / "0.parquet")


def test_results_that_differ_are_refused(modules: Modules) -> None:
    results = modules.results
    result = results.PeerResult(
        frozenset({"t1", "t2"}), frozenset({("s1", 0, "t1")}), frozenset({("s1", "a.mid", "split")})
    )
    results.require_equal({"midiprism": result, "daft": result})
    others = {
        "lacks 1 tracks of midiprism (t2), and has 0 others": {"tracks": frozenset({"t1"})},
        "has 1 others (('s1', 1, 't2'))": {"links": result.links | {("s1", 1, "t2")}},
        "lacks 1 outcomes": {"outcomes": frozenset({("s1", "b.mid", "split")})},
    }
    for message, changes in others.items():
        with pytest.raises(results.WrongResultError, match=re.escape(message)):
            results.require_equal({"midiprism": result, "daft": result._replace(**changes)})


def test_rows_that_repeat_and_damaged_tracks_are_refused(modules: Modules, tmp_path: Path) -> None:
    results = modules.results
    with pytest.raises(results.WrongResultError, match="1 rows of links repeat others"):
        results.distinct("links", [("s1", 0, "t1")] * 2)
    write(tmp_path / "tracks", pa.table({"track": [b"\x01" * 32], "music": [b"music"]}))
    with pytest.raises(results.WrongResultError, match="the bytes of track 01"):
        results.read_peer(tmp_path)
