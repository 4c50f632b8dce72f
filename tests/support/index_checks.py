"""Random songs and queries, and the check that the index finds what a scan of the catalog finds."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from midiprism.catalog import BatchRecord, Catalog, PostgresAddress, TrackRow, open_catalog, open_read_only
from midiprism.catalog.queries.gone_songs import record_change, record_scan
from midiprism.catalog.queries.removal import RemovalQueries
from midiprism.records.field import Field
from midiprism.records.fields import LINK_FIELDS, TRACK_FACT_NAMES, TRACK_FIELDS, LinkRecord, SongRecord
from midiprism.results.identity import Identity
from midiprism.results.result_dir import CATALOG_FILE, write_marker
from midiprism.search.find import open_search
from midiprism.search.matcher import values_of
from midiprism.search.parse_query import parse_query
from midiprism.search.plain_scan import scan_tracks
from midiprism.search.query import Query, quote
from midiprism.search.query_fields import QUERY_FIELDS, QueryField
from support import catalog_access
from support.records import link_record, song_record, track_record

_TEXTS = (
    "Bass",
    "BASS line",
    "Köln",
    "Ko\N{COMBINING DIAERESIS}ln",
    "Ｆｕｌｌ",
    "a",
    "",
    '5 % \\ "x"',
    "Straße",
    "日本",
)
_CHOSEN: dict[str, Sequence[Any]] = {
    "key": ("D minor", "Db major", "C# major", "F minor", None),
    "key_signature": ("D minor", "C major", "Gb major", None),
    "time_signature": ("4/4", "6/8", None),
    "role": ("bass", "melody", None),
    "channel": (0, 8, 9, 15, None),
    "drum_piece": (36, None),
    **dict.fromkeys(("is_drums", "mpe", "loops"), (0, 1, None)),
    "tempo": (95.00007, 120.0, 90.2, None),
    "dominant_tempo": (95.00007, 120.0, 89.5, 1 / 3, None),
}
_NUMBERS = (0, 1, 2, 16, 127, None)
_SHARES = (0.0, 0.25, 1 / 3, 0.5, 1.0, None)


class SongMaker:
    """Makes songs of random values, whose tracks recur.

    Args:
        rng: makes all choices.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._number = 0
        self._tracks = [self._track(number) for number in range(12)]

    def song(self, path: str | None = None) -> SongRecord:
        """Return a song that no other equals."""
        self._number += 1
        names = [self._rng.choice(_TEXTS) for _ in range(2)]
        path = path or f"/{self._rng.choice('ab')}/{'/'.join(filter(None, names))} {self._number}.mid"
        links = [self._link(number) for number in range(self._rng.randint(0, 4))]
        digest = self._number.to_bytes(32, "big")
        root = path.index("/", 1) + 1
        name = path[root:].removesuffix(".mid")
        return song_record(path.encode(), digest, *links, root_length=root, song_name=name)

    def at(self, song: SongRecord, path: str) -> SongRecord:
        """Return the same song at another path, without its links: it is known."""
        root = path.index("/", 1) + 1
        name = path[root:].removesuffix(".mid")
        return song._replace(path=path.encode(), root_length=root, song_name=name, outcome=None, links=())

    def again(self, song: SongRecord) -> SongRecord:
        """Return a song as it is split again, into other tracks."""
        return song._replace(links=tuple(self._link(number) for number in range(self._rng.randint(0, 4))))

    def _track(self, number: int) -> Any:
        values = {field.name: self._value(field) for field in TRACK_FIELDS if field.name != "digest"}
        if values["facts_version"] is None:  # then no facts were computed
            values |= dict.fromkeys(TRACK_FACT_NAMES)
        return track_record(number.to_bytes(32, "little"), **values)

    def _link(self, number: int) -> LinkRecord:
        values = {field.name: self._value(field) for field in LINK_FIELDS}
        return link_record(self._rng.choice(self._tracks), **(values | {"track_number": number}))

    def _value(self, field: Field) -> Any:
        if field.sql_type == "blob":
            return None
        if field.name in _CHOSEN:
            return self._rng.choice(_CHOSEN[field.name])
        choices: Sequence[Any] = _TEXTS if field.python_type is str else _NUMBERS
        if field.python_type is float:
            choices = _SHARES
        if not field.nullable:
            choices = [it for it in choices if it is not None]
        elif field.python_type is str:
            choices = (*choices, None)
        return self._rng.choice(choices)


NOW = "2026-11-03T12:00:00.000+00:00"


def make_result(out: Path) -> Path:
    out.mkdir()
    address = catalog_access.catalog_address(out)
    facts = {"database": str(address)} if isinstance(address, PostgresAddress) else {}
    write_marker(str(out), "result", Identity().as_dict() | facts)
    return out


class ChangingCatalog:
    """A catalog that changes in every way in which commands change one.

    Args:
        out: folder of the result.
        rng: makes all choices.
    """

    def __init__(self, out: Path, rng: random.Random) -> None:
        self._out = out
        self._rng = rng
        self._maker = SongMaker(rng)
        self._songs: list[SongRecord] = []
        self.begin_another_run()

    @classmethod
    def of_seed(cls, out: Path, seed: int) -> "ChangingCatalog":
        """Return one that makes the same choices for the same seed."""
        return cls(out, random.Random(seed))

    def change(self) -> None:
        """Change it once."""
        ways = [self.add, self.add, self.move, self.replace, self.overwrite, self.split_again]
        self._rng.choice([*ways, self.lose, self.forget, self.begin_another_run])()

    def add(self) -> None:
        songs = [self._maker.song() for _ in range(self._rng.randint(1, 12))]
        self._songs += songs
        self._commit(songs)

    def move(self) -> None:
        """Find a known song at one more path, which may come before or after its others."""
        if self._songs:
            song = self._rng.choice(self._songs)
            path = f"/{self._rng.choice('abz')}/{self._rng.choice('az')} moved {self._rng.random()}.mid"
            self._commit([self._maker.at(song, path)])

    def overwrite(self) -> None:
        """Find a new song at the path of a known one."""
        if self._songs:
            song = self._maker.song(self._rng.choice(self._songs).path.decode())
            self._songs.append(song)
            self._commit([song])

    def replace(self) -> None:
        """Find a known song at the path of another."""
        if self._songs:
            one, other = self._rng.choice(self._songs), self._rng.choice(self._songs)
            self._commit([self._maker.at(one, other.path.decode())])

    def split_again(self) -> None:
        self.begin_another_run()
        songs = self._rng.sample(self._songs, min(3, len(self._songs)))
        self._commit([self._maker.again(song) for song in songs], replaces_outcomes=True)

    def lose(self) -> None:
        """Record that a path is gone, or found again."""
        if self._songs:
            paths = [self._rng.choice(self._songs).path]
            gone, found = (paths, []) if self._rng.random() < 0.7 else ([], paths)
            with self.open() as catalog:
                catalog.run_in_transaction(lambda: record_scan(catalog, gone, found, self._run_id, NOW))

    def forget(self) -> None:
        if self._songs:
            song = self._rng.choice(self._songs)
            with self.open() as catalog:
                catalog.run_in_transaction(lambda: self._remove(catalog, song))
            self._songs = [it for it in self._songs if it.digest != song.digest]

    def _remove(self, catalog: Catalog, song: SongRecord) -> None:
        queries = RemovalQueries(catalog)
        song_ids = [it.id for it in catalog.select_songs([song.digest or b""]).values()]
        queries.remove_songs(self._run_id, song_ids)
        queries.remove_unlinked_tracks(self._run_id)
        record_change(catalog, self._run_id, NOW, song_ids)

    def begin_another_run(self) -> None:
        with self.open() as catalog:
            self._run_id = catalog.begin_run({}, NOW)

    def open(self) -> Catalog:
        """Return the catalog, open for writing."""
        return open_catalog(catalog_access.catalog_address(self._out))

    def _commit(self, songs: list[SongRecord], *, replaces_outcomes: bool = False) -> None:
        batch = BatchRecord.from_songs(songs, replaces_outcomes=replaces_outcomes)
        with self.open() as catalog:
            catalog.commit(self._run_id, [batch], NOW)


def random_query(rng: random.Random, rows: Sequence[TrackRow]) -> Query:
    """Return a query about values that some tracks have."""
    groups = [
        " ".join(_term(rng, rows) for _ in range(rng.randint(1, 3))) for _ in range(rng.choice((1, 1, 2)))
    ]
    keys = [
        f"sort:{field}{rng.choice(('', '-'))}"
        for field in rng.sample([*QUERY_FIELDS], rng.choice((0, 0, 1, 2)))
    ]
    return parse_query(" ".join([" , ".join(groups if rng.random() < 0.9 else []), *keys]))


def _term(rng: random.Random, rows: Sequence[TrackRow]) -> str:
    sign = rng.choice(("", "", "-"))
    if rng.random() < 0.25:
        return sign + quote(_part(rng, rng.choice(_TEXTS)) or "a")
    field = rng.choice([*QUERY_FIELDS.values()])
    if rng.random() < 0.1:
        return f"{sign}has:{field.name}"
    values = [value for row in rows for value in values_of(row, field) if value is not None]
    value = rng.choice(values) if values else None
    texts = [_value_text(rng, field, value) for _ in range(rng.choice((1, 1, 2)))]
    return f"{sign}{field.name}:{','.join(texts)}"


def _value_text(rng: random.Random, field: QueryField, value: Any) -> str:
    if field.is_numeric:
        number = round(float(value if value is not None else rng.choice((0, 1, 16))) + field.first, 4)
        shown = f"{number:.4f}".rstrip("0").rstrip(".")
        return rng.choice((shown, f"{shown}..", f"..{shown}", f"{shown}..{shown}"))
    if field.kind == "flag":
        return rng.choice(("yes", "no"))
    if field.kind == "key":
        return rng.choice(("Dm", "Dm~", "C#", "minor", "major", "Db"))
    if field.kind == "meter":
        return rng.choice(("4/4", "6/8", "3/4"))
    if field.kind == "choice":
        return rng.choice(field.choices)
    if field.kind == "date":
        return rng.choice(("2026", "2026-11", "..2026-10", "2026-12.."))
    text = _part(rng, value if isinstance(value, str) else "bass") or "a"
    return rng.choice(("", "=")) + quote(text)


def _part(rng: random.Random, text: str) -> str:
    start = rng.randrange(len(text) + 1)
    return rng.choice((text, text.upper(), text[start:], text[:start]))


def assert_index_equals_scan(out: Path, rng: random.Random, queries: int) -> None:
    """Check that the index of a result finds what a scan finds, for the query of all and random ones."""
    address = catalog_access.postgres_address(out)
    with (
        open_search(str(out), address) as search,
        open_read_only(address or str(out / CATALOG_FILE)) as catalog,
    ):
        everything = [*scan_tracks(catalog, Query())]
        assert [*search.tracks(Query())] == everything
        for _ in range(queries):
            query = random_query(rng, everything)
            limit = rng.choice((None, None, 1, 3))
            expected = [*scan_tracks(catalog, query, limit)]
            assert [*search.tracks(query, limit)] == expected, str(query)
            if limit is None:
                page = search.page(query, 2)
                assert (page.total, page.tracks) == (search.count(query), expected[:2]), str(query)
                assert page.total == len(expected), str(query)
                offset = rng.randrange(len(expected) + 2)
                window = search.page(query, 2_000, (), offset=offset).tracks
                assert [*window] == expected[offset : offset + 2_000], str(query)
                _check_facets(search, query, expected)


def _check_facets(search: Any, query: Query, rows: Sequence[TrackRow]) -> None:
    for facet in search.facets(query, ("family", "key", "channel", "bpm", "source")):
        assert sum(count.count for count in facet.counts) == len(rows), (facet, str(query))
        if facet.is_histogram or facet.name == "source":
            continue
        values = [next(iter(values_of(row, QUERY_FIELDS[facet.name]))) for row in rows]
        assert {count.value: count.count for count in facet.counts} == {
            value: values.count(value) for value in set(values)
        }, str(query)
