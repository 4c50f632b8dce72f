from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from midiprism.catalog import (
    BatchRecord,
    Catalog,
    Selection,
    find_tracks,
    open_catalog,
)
from midiprism.catalog.folding import fold_text
from midiprism.errors import FilterValueError
from support import catalog_access
from support.records import link_record, song_record, track_record

COMPOSED, DECOMPOSED = "Köln", "Ko\N{COMBINING DIAERESIS}ln"
FULL_WIDTH = "Ｆｕｌｌ ５％"
OTHER_SPELLINGS = (COMPOSED, DECOMPOSED, FULL_WIDTH)

TracksByPath = dict[bytes, list[tuple[str | None, str, str, int | None, int]]]


@pytest.fixture
def catalog(tmp_path: Path, catalog_backend: str) -> Iterator[Catalog]:
    tracks_by_path: TracksByPath = {
        b"/m/Beatles/Help.mid": [
            ("Bassline", "Slap Bass 1", "Bass", 1, 50),
            (None, "Standard Kit", "Drums", 9, 200),
        ],
        b"/m/100%_live.mid": [("Grüße", "Violin", "Strings", None, 20)],
        b"/m/1000 live.mid": [("PIANO [x]", "Acoustic Grand Piano", "Piano", 0, 64)],
    }
    with catalog_with(tracks_by_path, tmp_path) as opened:
        yield opened


@pytest.fixture
def spellings(tmp_path: Path, catalog_backend: str) -> Iterator[Catalog]:
    with catalog_with(
        {b"/m/" + name.encode() + b".mid": [(name, "Oboe", "Reed", 3, 99)] for name in OTHER_SPELLINGS},
        tmp_path,
    ) as opened:
        yield opened


@contextmanager
def catalog_with(tracks_by_path: TracksByPath, tmp_path: Path) -> Iterator[Catalog]:
    """Yield a catalog of songs with tracks: name, instrument, family, channel and notes of each."""
    songs = []
    for number, (path, tracks) in enumerate(tracks_by_path.items()):
        links = []
        for position, (name, instrument, family, channel, notes) in enumerate(tracks):
            digest = bytes([number, position]) * 16
            track = track_record(
                digest, name=name, instrument=instrument, family=family, channel=channel, note_count=notes
            )
            links.append(link_record(track, track_number=position))
        song_digest = bytes([number]) * 32
        song_name = path[3:-4].decode()
        songs.append(song_record(path, song_digest, *links, root_length=3, song_name=song_name))
    with open_catalog(catalog_access.catalog_address(tmp_path)) as opened:
        opened.begin_run({}, "now")
        opened.commit(1, [BatchRecord.from_songs(songs)], "now")
        yield opened


def found(catalog: Catalog, selection: Selection, limit: int | None = None) -> list[str]:
    return [
        f"{row.song_name}: {row.link.instrument}" for row in find_tracks(catalog.connection, selection, limit)
    ]


HELP = "Beatles/Help: Slap Bass 1"
DRUMS = "Beatles/Help: Standard Kit"
LIVE = "100%_live: Violin"
PIANO = "1000 live: Acoustic Grand Piano"


def test_without_a_filter_all_tracks_are_found_in_the_order_of_their_songs(catalog: Catalog) -> None:
    assert found(catalog, Selection()) == [LIVE, PIANO, HELP, DRUMS]


@pytest.mark.parametrize(
    ("selection", "rows"),
    [
        (Selection(instrument="bass"), [HELP]),
        (Selection(instrument="SLAP"), [HELP]),
        (Selection(instrument="drums"), [DRUMS]),
        (Selection(family="p"), [PIANO]),
        (Selection(song_name="beatles/"), [HELP, DRUMS]),
        (Selection(song_name="100%"), [LIVE]),
        (Selection(song_name="0%_"), [LIVE]),
        (Selection(song_name="%"), [LIVE]),
        (Selection(name="GRÜSSE"), [LIVE]),
        (Selection(name="[x]"), [PIANO]),
        (Selection(name="' OR 1=1 --"), []),
        (Selection(name="\udcff"), []),
        (Selection(min_notes=64), [PIANO, DRUMS]),
        (Selection(max_notes=50), [LIVE, HELP]),
        (Selection(min_notes=50, max_notes=64), [PIANO, HELP]),
        (Selection(channel=9), [DRUMS]),
        (Selection(song_name="help", instrument="bass", min_notes=51), []),
    ],
)
def test_filters_select(catalog: Catalog, selection: Selection, rows: list[str]) -> None:
    assert found(catalog, selection) == rows


@pytest.mark.parametrize("filter_name", ["name", "song_name"])
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("köln", [DECOMPOSED, COMPOSED]),
        ("KO\N{COMBINING DIAERESIS}L", [DECOMPOSED, COMPOSED]),
        ("full", [FULL_WIDTH]),
        ("ｆＵＬＬ", [FULL_WIDTH]),
        ("5%", [FULL_WIDTH]),
        ("l％", []),
        ("＿", []),
    ],
)
def test_texts_are_found_in_any_case_width_and_composition(
    spellings: Catalog, filter_name: str, text: str, names: list[str]
) -> None:
    rows = find_tracks(spellings.connection, Selection(**{filter_name: text}))
    assert [row.link.name for row in rows] == names


def test_folding_a_folded_text_changes_nothing() -> None:
    letters = [chr(code) for code in range(0x80, 0x30000) if not 0xD800 <= code < 0xE000]
    folded = [*map(fold_text, letters)]
    assert [*map(fold_text, folded)] == folded


def test_a_text_that_folding_makes_too_long_is_refused() -> None:
    with pytest.raises(FilterValueError):
        Selection(name="\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 4_000)


def test_a_limit_ends_the_list(catalog: Catalog) -> None:
    assert found(catalog, Selection(), 2) == [LIVE, PIANO]


def test_a_search_that_ends_early_releases_the_catalog(catalog: Catalog) -> None:
    rows = find_tracks(catalog.connection, Selection())
    next(rows)
    rows.close()
    assert found(catalog, Selection(channel=9)) == [DRUMS]
