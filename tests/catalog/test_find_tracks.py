from pathlib import Path

import pytest

from midiprism.catalog import Catalog, find_tracks
from midiprism.catalog.folding import fold_text
from midiprism.catalog.queries.conditions import Between, Condition, OneOf, TextContains
from support.track_catalogs import TrackFacts, catalog_of

TRACKS: dict[bytes, list[TrackFacts]] = {
    b"/m/Beatles/Help.mid": [
        {"name": "Bassline", "instrument": "Slap Bass 1", "family": "Bass", "channel": 1, "note_count": 50},
        {"name": None, "instrument": "Standard Kit", "family": "Drums", "channel": 9, "note_count": 200},
    ],
    b"/m/100%_live.mid": [{"name": "Grüße", "instrument": "Violin", "channel": None, "note_count": 20}],
}


def found(catalog: Catalog, *conditions: list[Condition]) -> list[str]:
    return [f"{row.song_name}: {row.link.instrument}" for row in find_tracks(catalog.connection, conditions)]


HELP, DRUMS, LIVE = "Beatles/Help: Slap Bass 1", "Beatles/Help: Standard Kit", "100%_live: Violin"
BASS_NAME = Condition("links", ("name",), TextContains("BASS"))
LIVE_SONG = Condition("songs", ("song_name",), TextContains("LIVE"))


def test_without_conditions_all_tracks_are_found_in_the_order_of_their_songs(
    tmp_path: Path, catalog_backend: str
) -> None:
    with catalog_of(TRACKS, tmp_path) as catalog:
        assert found(catalog) == [LIVE, HELP, DRUMS]


@pytest.mark.parametrize(
    ("conditions", "rows"),
    [
        ([[Condition("links", ("instrument", "family"), TextContains("bass"))]], [HELP]),
        ([[LIVE_SONG]], [LIVE]),
        ([[BASS_NAME, LIVE_SONG]], [LIVE, HELP]),
        ([[BASS_NAME], [LIVE_SONG]], []),
        ([[Condition("tracks", ("note_count",), Between(50, 200))]], [HELP, DRUMS]),
        ([[Condition("tracks", ("note_count",), Between(None, 50.5))]], [LIVE, HELP]),
        ([[Condition("links", ("channel",), OneOf((9, 8)))]], [DRUMS]),
    ],
)
def test_one_condition_of_each_choice_has_to_hold(
    tmp_path: Path, catalog_backend: str, conditions: list[list[Condition]], rows: list[str]
) -> None:
    with catalog_of(TRACKS, tmp_path) as catalog:
        # In PostgreSQL, texts beyond ASCII are left to the caller.
        assert [row for row in found(catalog, *conditions) if row in rows] == rows


def test_folding_a_folded_text_changes_nothing() -> None:
    letters = [chr(code) for code in range(0x80, 0x30000) if not 0xD800 <= code < 0xE000]
    folded = [*map(fold_text, letters)]
    assert [*map(fold_text, folded)] == folded


def test_a_search_that_ends_early_releases_the_catalog(tmp_path: Path, catalog_backend: str) -> None:
    with catalog_of(TRACKS, tmp_path) as catalog:
        rows = find_tracks(catalog.connection)
        next(rows)
        rows.close()
        assert len(found(catalog)) == 3


def test_rows_tell_when_a_track_was_added_and_how_many_songs_share_it(
    tmp_path: Path, catalog_backend: str
) -> None:
    shared: TrackFacts = {"digest": b"s" * 32, "instrument": "Oboe"}
    songs = {b"/m/a.mid": [shared, shared], b"/m/b.mid": [shared, {"instrument": "Tuba"}]}
    with catalog_of(songs, tmp_path, time="2026-11-03T10:00:00+00:00") as catalog:
        rows = [*find_tracks(catalog.connection, count_shared=True)]
        assert [row.shared for row in rows] == [2, 2, 2, 1]
        assert {row.added for row in rows} == {"2026-11-03T10:00:00+00:00"}
        assert {row.shared for row in find_tracks(catalog.connection)} == {None}
