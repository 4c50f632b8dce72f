import pickle
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from midiprism.pipeline.splitter import LazySplitter
from midiprism.results.identity import Identity
from midiprism.smf.types import Limits
from midiprism.sources import open_folders
from support.fake_songs import BASS, PIANO, fake_song, fake_split, write_files
from support.runs import make_settings, run_source


def test_the_splitter_is_loaded_with_its_settings_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[str] = []
    calls: list[object] = []
    kernel = SimpleNamespace(is_compiled=lambda: False, prepare=lambda: prepared.append("compiled"))
    smf = SimpleNamespace(split=lambda data, **settings: calls.append((data, settings)))
    limits = Limits(input_bytes=7)
    splitter = pickle.loads(pickle.dumps(LazySplitter(Identity("track", "full"), limits, "cp932")))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "midiprism.smf.kernel.split_kernel", kernel)
        patch.setitem(sys.modules, "midiprism.smf", smf)
        assert not splitter.is_compiled()
        assert prepared == []
        splitter(b"one")
        splitter(b"two")
    settings = {"by": "track", "context": "full", "limits": limits, "encoding": "cp932"}
    assert calls == [(b"one", settings), (b"two", settings)]
    assert prepared == ["compiled"]


@pytest.mark.parametrize("compiled", [True, False])
def test_compiling_is_announced_before_it_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compiled: bool
) -> None:
    source = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO), "b.mid": fake_song(BASS)})
    events: list[str] = []
    entry_point = SimpleNamespace(can_keep_code=lambda: False)
    kernel = SimpleNamespace(
        is_compiled=lambda: compiled, prepare=lambda: events.append("prepare"), split_kernel=entry_point
    )
    smf = SimpleNamespace(split=lambda data, **_settings: fake_split(data))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "midiprism.smf.kernel.split_kernel", kernel)
        patch.setitem(sys.modules, "midiprism.smf", smf)
        library = open_folders([source])
        out = str(tmp_path / "out")
        run_source(
            library, out, make_settings(workers=0), on_compile=lambda _seconds: events.append("compiling")
        )
    assert events == (["prepare"] if compiled else ["compiling", "prepare"])


def test_a_splitter_that_cannot_be_loaded_stops_the_run_instead_of_failing_every_song(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = write_files(tmp_path / "songs", {"a.mid": fake_song(PIANO)})
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "midiprism.smf.kernel.split_kernel", None)
        summary = run_source(open_folders([source]), str(tmp_path / "out"), make_settings(workers=0))
    assert (summary.state, summary.songs_done) == ("stopped", 0)
    assert "cannot be loaded" in str(summary.error)
    assert list((tmp_path / "out").glob("tracks")) == []
