"""Tests of the data set card of a result, of which a person's part is never changed."""

import os
from pathlib import Path

import pytest
import yaml

from midiprism.errors import StoreError
from midiprism.results.data_set_card import (
    CARD_FILE,
    CardFacts,
    CardTable,
    new_card,
    updated_card,
    write_card,
)
from support import catalog_access
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, write_files
from support.removals import forget
from support.runs import make_settings, mark_as_killed, run_split

SONGS = {"a.mid": fake_song(PIANO, BASS), "b.mid": fake_song(BASS, DRUMS), "none.mid": fake_song()}
FACTS = CardFacts(
    [CardTable("tracks", "t/*.parquet", 1_234, "a track")], ["First.", "Second\nand third."], "abc"
)
OTHER_FACTS = CardFacts([CardTable("songs", "s/*.parquet", 5, "a song")], [], "def")


def split(folder: Path, out: Path, store: str, **options: object) -> None:
    settings = make_settings(store=store, workers=0, database=catalog_access.postgres_address(out), **options)
    assert run_split(folder, out, settings).state == "done"


def front_matter(card: bytes) -> dict[str, object]:
    """Return what a card states in YAML."""
    _, head, _ = card.decode().split("---\n", 2)
    stated: dict[str, object] = yaml.safe_load(head)
    return stated


def test_a_card_states_tables_and_leaves_the_rest_to_a_person() -> None:
    card = new_card(FACTS)
    stated = front_matter(card)
    assert stated["license"] == "unknown"
    data_files = [{"split": "train", "path": "t/*.parquet"}]
    facts = {"default": True, "description": "state abc", "data_files": data_files}
    assert stated["configs"] == [{"config_name": "tracks", **facts}]
    assert b"| tracks | 1,234 | a track |" in card
    assert b"First.\n\nSecond\nand third.\n" in card
    citation = card.decode().split("```yaml\n")[1].split("```")[0]
    assert yaml.safe_load(citation)["type"] == "dataset"


def test_only_the_parts_between_markers_are_brought_up_to_date() -> None:
    edited = (
        new_card(FACTS).replace(b"license: unknown", b"license: cc0-1.0").replace(b"# MIDI", b"# My MIDI")
    )
    updated = updated_card(edited, OTHER_FACTS)
    assert front_matter(updated)["license"] == "cc0-1.0"
    assert b"# My MIDI tracks" in updated
    assert b"| songs | 5 | a song |" in updated
    assert b"1,234" not in updated
    assert updated_card(updated, FACTS) == edited


def test_a_part_whose_markers_are_gone_or_there_twice_is_left_alone() -> None:
    card = new_card(FACTS)
    without_head = card.replace(b"# midiprism: begin\n", b"")
    assert updated_card(without_head, OTHER_FACTS).split(b"---\n")[1] == without_head.split(b"---\n")[1]
    assert b"| songs |" in updated_card(without_head, OTHER_FACTS)
    twice = card + b"<!-- midiprism: begin -->\n<!-- midiprism: end -->\n"
    assert b"| songs |" not in updated_card(twice, OTHER_FACTS)
    assert updated_card(b"# Mine\n\xff", FACTS) == b"# Mine\n\xff"


def test_line_ends_of_windows_stay() -> None:
    card = new_card(FACTS).replace(b"\n", b"\r\n")
    updated = updated_card(card, OTHER_FACTS)
    assert updated.replace(b"\r\n", b"\n") == new_card(OTHER_FACTS)
    assert updated.count(b"\n") == updated.count(b"\r\n")


@pytest.mark.usefixtures("catalog_backend")
@pytest.mark.parametrize("store", ["files", "parquet"])
def test_runs_and_removals_keep_the_card_up_to_date(tmp_path: Path, store: str) -> None:
    songs, out = write_files(tmp_path / "songs", SONGS), tmp_path / "out"
    split(songs, out, store)
    card = out / CARD_FILE
    text = card.read_text()
    assert ("| tracks | 3 |" in text, "| songs | 3 |" in text) == (True, store == "parquet")
    card.write_text(text.replace("license: unknown", "license: mit"))
    write_files(songs, {"c.mid": fake_song(DRUMS + "c")})
    split(songs, out, store)
    assert "| tracks | 4 |" in card.read_text()
    forget(out, "b")
    text = card.read_text()
    assert "| tracks | 3 |" in text
    assert "license: mit" in text


@pytest.mark.parametrize("store", ["files", "parquet"])
def test_a_run_with_nothing_to_do_writes_no_card_but_one_that_is_missing(tmp_path: Path, store: str) -> None:
    songs, out = write_files(tmp_path / "songs", SONGS), tmp_path / "out"
    split(songs, out, store)
    card = out / CARD_FILE
    text, before = card.read_bytes(), card.stat().st_mtime_ns
    split(songs, out, store)
    assert card.stat().st_mtime_ns == before
    card.unlink()
    split(songs, out, store)
    assert card.read_bytes() == text


def test_a_run_after_one_that_was_killed_brings_the_card_up_to_date(tmp_path: Path) -> None:
    songs, out = write_files(tmp_path / "songs", SONGS), tmp_path / "out"
    split(songs, out, "files")
    card = out / CARD_FILE
    text = card.read_text()
    card.write_text(text.replace("| tracks | 3 |", "| tracks | 2 |"))
    mark_as_killed(out)
    split(songs, out, "files")
    assert card.read_text() == text


def test_a_readme_that_was_there_first_is_left_alone(tmp_path: Path) -> None:
    out = write_files(tmp_path / "out", {CARD_FILE: b"# Mine\n"})
    split(write_files(tmp_path / "songs", SONGS), out, "files")
    assert (out / CARD_FILE).read_bytes() == b"# Mine\n"


def test_a_link_is_left_alone_and_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    target = tmp_path / "target.md"
    target.write_text("# Mine\n")
    out = write_files(tmp_path / "out", {f".{CARD_FILE}.0123456789abcdef.tmp": b"", ".other.tmp": b""})
    (out / CARD_FILE).symlink_to(target)
    write_card(str(out), FACTS)
    assert target.read_text() == "# Mine\n"
    assert sorted(os.listdir(out)) == [".other.tmp", CARD_FILE]
    (out / CARD_FILE).unlink()
    (out / CARD_FILE).mkdir()
    write_card(str(out), FACTS)
    assert (out / CARD_FILE).is_dir()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        write_card(str(tmp_path / "missing"), FACTS)
