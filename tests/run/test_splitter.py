import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from midiprism.errors import MidiprismError
from midiprism.library import open_folders
from midiprism.run import Settings, split_library
from midiprism.run.settings import Identity
from midiprism.run.splitter import LazySplitter
from midiprism.smf.types import Limits
from support.fake import PIANO, song, write


@pytest.mark.parametrize("compiled", [True, False])
def test_the_splitter_is_loaded_with_its_settings_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    told: list[str] = []
    calls: list[object] = []
    jit = SimpleNamespace(is_compiled=lambda: compiled, prepare=lambda: None)
    smf = SimpleNamespace(split=lambda data, **settings: calls.append((data, settings)))
    limits = Limits(input_bytes=7)
    splitter = LazySplitter(Identity("track", "full"), limits, lambda: told.append("compiling"))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "midiprism.smf.jit", jit)
        patch.setitem(sys.modules, "midiprism.smf", smf)
        splitter(b"one")
        splitter(b"two")
    settings = {"by": "track", "context": "full", "limits": limits}
    assert calls == [(b"one", settings), (b"two", settings)]
    assert told == ([] if compiled else ["compiling"])


def test_a_splitter_that_cannot_be_loaded_stops_the_run_instead_of_failing_every_song(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = write(tmp_path / "songs", {"a.mid": song(PIANO)})
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "midiprism.smf.jit", None)
        with pytest.raises(MidiprismError, match="cannot be loaded"):
            split_library(open_folders([source]), str(tmp_path / "out"), Settings())
    assert list((tmp_path / "out").glob("tracks")) == []
