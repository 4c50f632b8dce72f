"""Tests of what queries find, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midiprism.catalog import Catalog, find_tracks
from midiprism.search.matcher import matcher
from midiprism.search.parse_query import parse_query
from midiprism.search.plain_scan import scan_tracks
from support.nightly import NIGHTLY
from support.track_catalogs import TrackFacts, catalog_of

COMPOSED, DECOMPOSED = "Köln", "Ko\N{COMBINING DIAERESIS}ln"

TRACKS: dict[bytes, list[TrackFacts]] = {
    b"/m/Beatles/Help.mid": [
        {
            "name": "bassline", "instrument": "Slap Bass 1", "family": "Bass", "channel": 1, "note_count": 50,
            "dominant_tempo": 60e6 / 631579, "time_signature": "4/4", "key": "D minor", "role": "bass",
            "length_bars": 8, "loops": 1, "lyric_count": 0, "last_note_seconds": 12.25, "grid_16": 0.97,
        },
        {
            "name": None, "instrument": "Standard Kit", "family": "Drums", "channel": 9, "note_count": 200,
            "dominant_tempo": 95.4, "time_signature": "4/4", "role": "drums", "is_drums": 1, "loops": 0,
        },
    ],
    b"/m/100%_live.mid": [
        {
            "name": "Grüße", "instrument": "Violin", "channel": None, "note_count": 20, "lyric_count": 7,
            "dominant_tempo": 120.0, "time_signature": "3/4", "key": "F major", "last_note_seconds": 90.0,
            "role": "melody", "median_interval": -3.0,
        },
    ],
    b"/m/1000 live.mid": [
        {
            "name": "PIANO [x]", "instrument": "Acoustic Grand Piano", "family": "Piano", "channel": 0,
            "note_count": 64, "dominant_tempo": 90.0, "time_signature": "12/8", "key": "C# minor",
            "key_signature": "Db minor",
        },
        {"name": COMPOSED, "instrument": "Oboe", "family": "Reed", "channel": 3, "note_count": 64},
        {"name": DECOMPOSED, "instrument": "Oboe", "family": "Reed", "channel": 3, "note_count": 63},
        {"name": "Ｆｕｌｌ ５％", "instrument": "Oboe", "family": "Reed", "channel": 3, "note_count": 62},
    ],
}  # fmt: skip

BASS, DRUMS, VIOLIN, PIANO = "bassline", "Standard Kit", "Grüße", "PIANO [x]"
FULL = "Ｆｕｌｌ ５％"


@pytest.fixture(params=["sqlite", "postgres"], scope="module")
def catalog(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    from support import catalog_access

    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        catalog_access.use_server(server, request.getfixturevalue("shared_database_url"))
    try:
        facts = {b"/m/Beatles/Help.mid": {"song_key": "A minor", "song_key_strength": 0.9}}
        with catalog_of(TRACKS, tmp_path_factory.mktemp("out"), song_facts=facts) as opened:
            yield opened
    finally:
        catalog_access.reset()


def found(catalog: Catalog, text: str, limit: int | None = None) -> list[str]:
    rows = scan_tracks(catalog, parse_query(text), limit)
    return [row.link.name or row.link.instrument for row in rows]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("beatles", [BASS, DRUMS]),
        ("bass", [BASS]),
        ("BASSLINE", [BASS]),
        ("drums", [DRUMS]),
        ("-drums beatles", [BASS]),
        ("grüsse", [VIOLIN]),
        ("köln", [COMPOSED, DECOMPOSED]),
        ('name:"KO\N{COMBINING DIAERESIS}L"', [COMPOSED, DECOMPOSED]),
        ("full", [FULL]),
        ("5%", [FULL]),
        ("l％", []),
        ("name:=full", []),
        ('name:="full 5%"', [FULL]),
        ("song:100%", [VIOLIN]),
        ("song:%", [VIOLIN]),
        ("song:0%_", [VIOLIN]),
        ("name:[x]", [PIANO]),
        ("\"' OR 1=1 --\"", []),
        ("\udcff", []),
        ("family:reed notes:64", [COMPOSED]),
        ("bass,piano", [PIANO, BASS]),
        ("name:bass,violin", [BASS]),
        ("instrument:bass,violin", [VIOLIN, BASS]),
        ("bass , notes:..20", [VIOLIN, BASS]),
        ("-bass,piano,oboe", [VIOLIN, DRUMS]),
        ("notes:64..", [PIANO, COMPOSED, DRUMS]),
        ("notes:50..63", [DECOMPOSED, FULL, BASS]),
        ("channel:10", [DRUMS]),
        ("-has:channel", [VIOLIN]),
        ("bpm:85..95", [PIANO, BASS]),
        ("bpm:95", [BASS, DRUMS]),
        ("-has:name", [DRUMS]),
        ("has:lyrics", [VIOLIN]),
        ("loops:yes", [BASS]),
        ("has:loops", [BASS]),
        ("loops:no", [DRUMS]),
        ("drums:yes", [DRUMS]),
        ("role:melody,bass", [VIOLIN, BASS]),
        ("meter:3/4", [VIOLIN]),
        ("key:Dm", [BASS]),
        ("key:Dm~", [VIOLIN, BASS]),
        ("key:Dbm", [PIANO]),
        ("key_signature:C#m", [PIANO]),
        ("key:minor", [PIANO, BASS]),
        ("-key:minor beatles", [DRUMS]),
        ("length:8bars", [BASS]),
        ("length:..13s", [BASS]),
        ("length:1:30", [VIOLIN]),
        ("median_interval:-3..0", [VIOLIN]),
        ("grid_16:0.9..", [BASS]),
        ("grid_16:1", []),
        ("grid_16:0.97", [BASS]),
        ("added:2026-11", [VIOLIN, PIANO, COMPOSED, DECOMPOSED, FULL, BASS, DRUMS]),
        ("added:2026-12.. ", []),
        ("-added:..2026-11-29 beatles", [BASS, DRUMS]),
        ("shared:2..", []),
        ("shared:1 beatles", [BASS, DRUMS]),
        ("song_key:Am", [BASS, DRUMS]),
        ("song_key:C~", [BASS, DRUMS]),
        ("song_key_strength:0.9", [BASS, DRUMS]),
        ("-has:song_key full", [FULL]),
        ("source:/M beatles", [BASS, DRUMS]),
        ("source:=/m drums", [DRUMS]),
        ("source:other", []),
    ],
)  # fmt: skip
def test_a_query_finds_tracks(catalog: Catalog, text: str, names: list[str]) -> None:
    assert found(catalog, text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sort:notes", [VIOLIN, BASS, FULL, DECOMPOSED, PIANO, COMPOSED, DRUMS]),
        ("sort:notes-", [DRUMS, PIANO, COMPOSED, DECOMPOSED, FULL, BASS, VIOLIN]),
        ("sort:notes-,name", [DRUMS, COMPOSED, PIANO, DECOMPOSED, FULL, BASS, VIOLIN]),
        ("has:key sort:key-", [VIOLIN, BASS, PIANO]),
        ("has:channel sort:lyrics", [BASS, PIANO, COMPOSED, DECOMPOSED, FULL, DRUMS]),
        ("beatles sort:name", [BASS, DRUMS]),
        ("beatles sort:name-", [BASS, DRUMS]),
    ],
)
def test_tracks_are_sorted_and_those_without_a_value_come_last(
    catalog: Catalog, text: str, names: list[str]
) -> None:
    assert found(catalog, text) == names


def test_a_limit_takes_the_first_in_the_order_of_the_query(catalog: Catalog) -> None:
    assert found(catalog, "", 2) == [VIOLIN, PIANO]
    assert found(catalog, "sort:notes-", 2) == [DRUMS, PIANO]


def test_the_first_of_many_tracks_are_held_rather_than_all(tmp_path: Path) -> None:
    tracks: list[TrackFacts] = [
        {"digest": b"t" * 32, "track_number": number % 7_000} for number in range(21_000)
    ]
    with catalog_of({b"/m/long.mid": tracks}, tmp_path) as opened:
        rows = scan_tracks(opened, parse_query("sort:track-"), 4)
        assert [row.link.track_number for row in rows] == [6_999, 6_999, 6_999, 6_998]


def test_a_song_is_found_by_the_names_of_all_its_paths(catalog: Catalog) -> None:
    rows = [*find_tracks(catalog.connection)]
    assert rows[0].song_names == ("100%_live",)
    assert matcher(parse_query("song:other"))(rows[0]._replace(song_names=("a", "Other")))


PIECES = [
    "bass", "live", "köln", "name:full", "name:=bassline", "instrument:oboe", "family:bass,reed",
    "notes:50..64",
    "notes:20", "bpm:85..95", "bpm:95", "has:key", "has:name", "key:Dm~", "key:major", "role:bass,melody",
    "loops:no", "meter:4/4,3/4", "channel:4", "length:..20s", "added:2026", "shared:1",
    "shared:2..", "song:100", "song_key:minor", "source:m",
]  # fmt: skip
pieces = st.builds(str.__add__, st.sampled_from(["", "-"]), st.sampled_from(PIECES))
groups = st.lists(pieces, min_size=1, max_size=3).map(" ".join)
texts = st.lists(groups, min_size=1, max_size=3).map(" , ".join)


@settings(max_examples=150 if NIGHTLY else 60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts)
def test_what_the_database_narrows_down_loses_no_track(catalog: Catalog, text: str) -> None:
    query = parse_query(text)
    passes = matcher(query)
    every = [row for row in find_tracks(catalog.connection, count_shared=True) if passes(row)]
    assert [row.link for row in scan_tracks(catalog, query)] == [row.link for row in every]
