"""Tests of relocating a result from which songs were removed: that can still be undone."""

from pathlib import Path

import pytest

from midiprism.removal.forget import SongChoice, forget_songs
from midiprism.removal.undo import undo_removal
from midiprism.results.identity import StoreKind
from midiprism.results.removed_files import REMOVED_FOLDER
from support import catalog_access
from support.relocation import KINDS, is_intact, make_result, relocate, relocated_content


@pytest.mark.usefixtures("catalog_backend", "separate_file_systems")
@pytest.mark.parametrize("store", KINDS)
def test_a_removal_can_be_undone_where_the_result_is_now(tmp_path: Path, store: StoreKind) -> None:
    out, new = make_result(tmp_path, store), tmp_path / "new"
    address = catalog_access.postgres_address(out)
    _, whole_rows, whole_catalog = relocated_content(out, out)
    removed = forget_songs(str(out), SongChoice(["a", "b"]), address)
    assert removed.tracks > 0
    done = relocate(out, new, remove=True)
    assert (done.method, done.files_left) == ("copy", 0)
    assert not (out / REMOVED_FOLDER).exists()
    restored = undo_removal(str(new), address)
    assert (restored.songs, restored.tracks, restored.songs_lost) == (2, removed.tracks, 0)
    assert is_intact(out, new)
    _, rows, catalog = relocated_content(out, new)
    assert (rows, catalog) == (whole_rows, whole_catalog)
