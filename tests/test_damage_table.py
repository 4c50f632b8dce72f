"""Tests of the command that compares readers on damaged songs, and of its table in the documentation."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from support import damage_readers
from support.damage_readers import READERS
from support.damaged_songs import (
    KINDS,
    DamagedSong,
    PlayedNote,
    Voice,
    compare,
    damaged_song,
    voices_of,
)
from support.midi_parser import parse_song
from support.song_damage import change_event_length

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "explanation" / "damaged-files.md"
DYING = [sys.executable, "-c", "import sys; sys.stdin.buffer.read(4)"]
HANGING = [sys.executable, "-c", "import time; time.sleep(60)"]


def load_command() -> ModuleType:
    spec = importlib.util.spec_from_file_location("damage_table", ROOT / "fuzz" / "damage_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


damage_table = load_command()


def notes(*ticks: int) -> list[PlayedNote]:
    return [PlayedNote(tick, 60, 64, tick + 10, tick / 100, tick / 100 + 0.1) for tick in ticks]


def voices(song: DamagedSong) -> list[Voice]:
    """Return the voices of a damaged song as the parser of the tests reads them."""
    return voices_of(parse_song(song.data))


SONG = [Voice(0, notes(0, 20, 40)), Voice(1, notes(0, 20))]


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (SONG, "same"),
        (SONG[::-1], "same"),
        ([Voice(None, voice.notes) for voice in SONG], "same"),
        ([], "prefix"),
        (SONG[:1], "prefix"),
        ([Voice(0, notes(0, 20)), SONG[1]], "prefix"),
        ([Voice(0, [*notes(0, 20), notes(40)[0]._replace(end_tick=45, end=0.45)]), SONG[1]], "prefix"),
        ([Voice(0, notes(0, 40)), SONG[1]], "other"),
        ([Voice(2, notes(0, 20)), SONG[0]], "other"),
        ([*SONG, Voice(1, notes(0))], "other"),
        ([Voice(0, notes(0, 20, 41)), SONG[1]], "other"),
        ([Voice(0, [note._replace(onset=note.onset + 0.01) for note in SONG[0].notes])], "other"),
        ([Voice(0, [note._replace(velocity=1) for note in SONG[0].notes])], "other"),
        ([Voice(0, [note._replace(end_tick=99, end=1) for note in SONG[0].notes])], "other"),
    ],
)
def test_voices_are_compared_by_notes_and_seconds(found: list[Voice], verdict: str) -> None:
    assert compare(SONG, found) == verdict


@pytest.mark.parametrize("name", ["midiprism", "mido", "symusic"])
def test_readers_find_all_notes_of_songs_without_damage(name: str) -> None:
    for number in range(3):
        song = damaged_song(number)
        assert compare(song.original, READERS[name](song.data)) == "same"


def test_a_reader_in_a_process_of_its_own_gives_its_notes_or_refuses() -> None:
    reader = damage_table.ReaderProcess([sys.executable, damage_readers.__file__, "mido"])
    song = damaged_song(0)
    assert reader.read(b"no song") is None
    assert reader.read(song.data) == READERS["mido"](song.data)
    reader.close()


@pytest.mark.parametrize("command", [DYING, HANGING])
def test_a_reader_that_dies_or_hangs_costs_one_song_at_a_time(command: list[str]) -> None:
    reader = damage_table.ReaderProcess(command, seconds=0.3, first=0.3)
    assert [reader.read(b"a song") for _ in range(2)] == [None, None]
    reader.close()


def test_songs_that_are_valid_files_are_counted_apart() -> None:
    songs = (damaged_song(number, change_event_length) for number in range(60))
    valid = next(
        song for song in songs if not song.is_seen and compare(song.original, voices(song)) == "other"
    )
    reader = damage_table.ReaderProcess(DYING)
    row = damage_table.judge("a kind", [valid, damaged_song(0)], {"dying": reader})
    reader.close()
    assert row == ("a kind", 2, 1, {"dying": Counter(refused=1)})


def test_the_table_has_a_row_for_every_kind_and_their_sum() -> None:
    rows = [
        damage_table.Row("one", 3, 1, {"mido": Counter(same=1, refused=1)}),
        damage_table.Row("two", 2, 0, {"mido": Counter(same=1, prefix=1)}),
    ]
    assert damage_table.table_lines([*rows, damage_table.total(rows)]) == [
        "| damage | songs | valid files | mido |",
        "|---|---|---|---|",
        "| one | 3 | 1 | 1 / 0 / 0 / 1 |",
        "| two | 2 | 0 | 1 / 1 / 0 / 0 |",
        "| all damaged | 5 | 1 | 2 / 1 / 0 / 1 |",
    ]


def test_the_table_in_the_documentation_has_the_kinds_and_readers_of_the_command() -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition("<!-- printed by make damage-table -->")[2].partition("<!-- end of the table -->")[
        0
    ]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line[:1] == "|"
    ]
    assert rows[0] == ["damage", "songs", "valid files", *READERS]
    assert [row[0] for row in rows[2:]] == [damage_table.UNDAMAGED, *KINDS, damage_table.ALL]
    assert len(KINDS) >= 10
    assert all(int(row[1]) >= 20 for row in rows[2:])
    assert int(rows[-1][1]) >= 500
    midiprism = [row[3].split(" / ") for row in rows[2:]]
    assert all((other, refused) == ("0", "0") for _, _, other, refused in midiprism)
