from pathlib import Path

import pytest

from midiprism.errors import StoreError, UsageError
from midiprism.search.saved_searches import SavedSearches


@pytest.fixture
def searches(tmp_path: Path) -> SavedSearches:
    return SavedSearches(str(tmp_path / "settings" / "searches"))


def test_a_search_is_saved_read_replaced_and_deleted(searches: SavedSearches) -> None:
    assert searches.names() == []
    assert searches.read("bass") is None
    searches.save("Bass", "instrument:bass")
    searches.save("a-1", "song:ö")
    assert searches.names() == ["a-1", "bass"]
    assert (searches.read("BASS"), searches.read("a-1")) == ("instrument:bass", "song:ö")
    searches.save("bass", "family:bass")
    assert searches.read("bass") == "family:bass"
    assert searches.delete("bass")
    assert not searches.delete("bass")
    assert searches.names() == ["a-1"]


@pytest.mark.parametrize("name", ["", "../x", "a b", "-a", "ä", "a" * 65, "a.query"])
def test_a_name_that_may_not_be_that_of_a_file_is_refused(searches: SavedSearches, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        searches.save(name, "x")
    assert searches.read(name) is None
    assert not searches.delete(name)


def test_other_files_in_the_folder_are_no_searches(searches: SavedSearches) -> None:
    searches.save("bass", "x")
    for name in ("notes.txt", "A B.query", ".hidden.query"):
        (Path(searches.folder) / name).write_text("x")
    assert searches.names() == ["bass"]


def test_a_search_that_is_no_text_is_reported(searches: SavedSearches) -> None:
    searches.save("bass", "x")
    (Path(searches.folder) / "bass.query").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="bass cannot be read"):
        searches.read("bass")


def test_a_folder_that_cannot_be_written_is_reported(searches: SavedSearches, tmp_path: Path) -> None:
    (tmp_path / "settings").write_text("no folder")
    with pytest.raises(StoreError, match="cannot be written"):
        searches.save("bass", "x")
