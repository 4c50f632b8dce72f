"""Tests of the process that reads Parquet files: it may end, and costs only what it was reading."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from midiprism.sources import Notice, SongRef, UnreadableError
from midiprism.sources.archives.decompress import DamagedError
from midiprism.sources.parquet import ParquetReader, ParquetSource, open_parquet
from midiprism.sources.parquet_process import IsolatedRows, ParquetProcess
from midiprism.sources.parquet_reader import ColumnRoles, ParquetRows
from support.archive_files import write_parquet
from support.dying_reader import DEADLY_SONG
from support.fake_songs import BASS, PIANO, fake_song, fake_split
from support.runs import make_settings, run_source

LIMIT = 1 << 20
ROLES = ColumnRoles("midi")


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[ParquetProcess]:
    """Yield a process; a test names the reader in it."""
    reading = ParquetProcess(*getattr(request, "param", ()))
    yield reading
    reading.close()


def open_source_in(process: ParquetProcess, path: Path) -> ParquetSource:
    reader = ParquetReader(partial(IsolatedRows, process=process))
    return open_parquet(os.fsencode(path), "midi", None, (), reader)


@pytest.mark.parametrize("process", [("support.dying_reader:DiesOnOpening",)], indirect=True)
def test_a_file_that_ends_its_reader_gives_a_notice(tmp_path: Path, process: ParquetProcess) -> None:
    source = open_source_in(process, write_parquet(tmp_path / "x.parquet", {"midi": [fake_song(PIANO)]}))
    (notice,) = source.walk()
    assert isinstance(notice, Notice)
    assert (notice.code, notice.failed) == ("archive", True)
    assert "ended the process" in notice.message
    assert list(source.running_count()) == [0]
    summary = run_source(source, tmp_path / "out", make_settings(workers=0), splitter=fake_split)
    assert summary.state == "done"


@pytest.mark.parametrize("process", [("support.dying_reader:DiesOnDeadlySong",)], indirect=True)
def test_a_row_that_ends_its_reader_costs_no_other_row(tmp_path: Path, process: ParquetProcess) -> None:
    songs = [fake_song(PIANO), DEADLY_SONG, *(fake_song(BASS + str(n)) for n in range(40)), DEADLY_SONG]
    source = open_source_in(process, write_parquet(tmp_path / "x.parquet", {"midi": songs}))
    summary = run_source(source, tmp_path / "out", make_settings(workers=0), splitter=fake_split)
    assert (summary.state, summary.outcomes) == ("done", {"split": 41, "unreadable": 2})
    with pytest.raises(UnreadableError) as raised:
        source.read([item for item in source.walk() if isinstance(item, SongRef)][1], LIMIT)
    assert raised.value.code == "damaged"


@pytest.mark.parametrize("process", [("support.dying_reader:DiesOnDeadlySong",)], indirect=True)
def test_a_file_of_deadly_rows_is_given_up_after_a_few(tmp_path: Path, process: ParquetProcess) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"midi": [DEADLY_SONG] * 12})
    rows = IsolatedRows(os.fsencode(path), process)
    for number in range(12):
        with pytest.raises(DamagedError, match="ended the process"):
            rows.read_row(number, ROLES)


def test_a_reader_that_was_killed_once_is_started_again(tmp_path: Path, process: ParquetProcess) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"midi": [b"%d" % n for n in range(40)]})
    rows = IsolatedRows(os.fsencode(path), process)
    for number in range(40):
        if number % 9 == 0:
            process.request("row_count", os.fsencode(path))
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
        assert rows.read_row(number, ROLES).data == b"%d" % number


def test_every_method_gives_what_the_reader_itself_gives(tmp_path: Path, process: ParquetProcess) -> None:
    columns = {
        "midi": [b"song %d" % n for n in range(2_500)],
        "id": [None if n % 7 == 0 else str(n) for n in range(2_500)],
        "day": pa.array(range(2_500), pa.date32()),
    }
    path = os.fsencode(write_parquet(tmp_path / "x.parquet", columns, row_group_size=700))
    there, here = IsolatedRows(path, process), ParquetRows(path)
    roles = ColumnRoles("midi", "id", ("day",))
    assert there.row_count == here.row_count
    assert there.song_column_candidates() == here.song_column_candidates()
    assert list(there.song_names("id")) == list(here.song_names("id"))
    assert list(there.estimated_sizes("midi")) == list(here.estimated_sizes("midi"))
    for number in (0, 1, 2, 2_499, 3, 1_300, 1_301):
        one, other = there.read_row(number, roles), here.read_row(number, roles)
        assert (bytes(one.data or b""), one.facts) == (bytes(other.data or b""), other.facts)
    with pytest.raises(DamagedError):
        there.read_row(2_500, roles)


def test_a_reader_that_is_sent_to_a_worker_reads_there(tmp_path: Path, process: ParquetProcess) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"midi": [b"a"]})
    source = pickle.loads(pickle.dumps(open_source_in(process, path)))
    assert source.parquet_reader.open_rows is ParquetRows


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", {"midi": [b"a"]})
    program = (
        "import os, sys; from midiprism.sources import parquet_process as p\n"
        "p.IsolatedRows(os.fsencode(sys.argv[1])); print(p.shared_process().pid, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, check=False, timeout=60
    )
    reader = int(done.stdout)
    for _ in range(500):
        if not Path(f"/proc/{reader}").exists() or "(zombie)" in Path(f"/proc/{reader}/status").read_text():
            return
        signal.sigtimedwait([], 0.01)
    pytest.fail("it goes on")
