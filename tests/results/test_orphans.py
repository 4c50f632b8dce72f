from pathlib import Path

import pytest

from midiprism.catalog import VerifyScope
from midiprism.catalog.sqlite.catalog import SqliteCatalog
from midiprism.integrity.verify import verify_result
from support.fake_songs import fake_song, write_files
from support.runs import make_settings, run_split


def test_files_of_many_folders_are_looked_up_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lookup is a round trip, where the catalog is on a server."""
    names = ["Bass;Slap Bass 1", "Piano;Acoustic Grand Piano", "Drums;Drum Kit"]
    songs = {f"{n}.mid": fake_song(*(f"{name};x;{n}" for name in names)) for n in range(80)}
    run_split(write_files(tmp_path / "songs", songs), tmp_path / "out", make_settings(workers=0))
    assert len([*(tmp_path / "out/tracks").glob("*/*")]) > 100
    calls = []
    select = SqliteCatalog.select_by_ranges

    def count_and_select(*arguments: object) -> object:
        calls.append(arguments)
        return select(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(SqliteCatalog, "select_by_ranges", count_and_select)
    report = verify_result(str(tmp_path / "out"), VerifyScope())
    assert (report.ok, report.files) == (True, 240)
    assert len(calls) == 1
