import time
from pathlib import Path

import pytest

from midiprism.pipeline.compile_splitter import compile_splitter
from midiprism.smf.kernel import split_kernel
from midiprism.sources import open_folders
from support.failing_parts import UncompiledSplitter
from support.fake_songs import PIANO, fake_song, write_files
from support.runs import make_settings, run_source


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the splitter count as not compiled."""
    monkeypatch.setattr(split_kernel, "is_compiled", lambda: False)


@pytest.mark.usefixtures("uncompiled")
def test_compiling_tells_how_long_it_takes() -> None:
    reported: list[float] = []
    assert compile_splitter(lambda: False, reported.append)
    assert reported[0] == 0
    assert reported == sorted(reported)


@pytest.mark.usefixtures("uncompiled")
def test_compiling_ends_at_a_stop() -> None:
    assert not compile_splitter(lambda: True, lambda _seconds: None)


def test_a_compiled_splitter_is_not_compiled_again() -> None:
    split_kernel.prepare()
    reported: list[float] = []
    assert compile_splitter(lambda: False, reported.append)
    assert reported == []


def test_a_run_that_is_stopped_while_workers_compile_ends_without_them(tmp_path: Path) -> None:
    source = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO)})
    reported: list[float] = []
    started = time.monotonic()
    summary = run_source(
        open_folders([source]),
        str(tmp_path / "out"),
        make_settings(workers=1),
        splitter=UncompiledSplitter(seconds=300),
        on_compile=reported.append,
        stop=lambda: len(reported) > 2,
    )
    assert (summary.state, summary.songs_done) == ("interrupted", 0)
    assert time.monotonic() - started < 60
