"""Runs that adopt another program's library, and checks of the library afterwards."""

from collections import Counter
from pathlib import Path

import psycopg
from blake3 import blake3

import midiprism
from midiprism.adopt.adoption import open_adopted_library
from midiprism.adopt.db.undo import UndoResult, undo_run
from midiprism.adopt.options import Adoption, ExistingLinksPolicy
from midiprism.catalog import PostgresAddress
from midiprism.pipeline import RerunPolicy, Summary
from midiprism.sources.path_map import parse_path_map
from support.postgres import PostgresServer
from support.runs import make_settings, run_source

LINKS_SQL = """
SELECT link.parent_file_id, split.content_hash, link.track_number, link.track_name, link.instrument,
    link.note_count
FROM public.track_splits AS link JOIN public.files AS split ON split.id = link.split_file_id
"""
DANGLING_LINKS_SQL = """
SELECT count(*) FROM public.track_splits AS link
LEFT JOIN public.files AS song ON song.id = link.parent_file_id
LEFT JOIN public.files AS split ON split.id = link.split_file_id
WHERE song.id IS NULL OR split.id IS NULL
"""
ALL_SONGS_LINKED_SQL = """
SELECT count(DISTINCT link.parent_file_id) = count(DISTINCT song.id)
FROM public.files AS song LEFT JOIN public.track_splits AS link ON link.parent_file_id = song.id
WHERE song.num_tracks > 1
"""

Link = tuple[int, bytes, int, str | None, str, int]


def run_adoption(
    url: str,
    out: Path,
    *,
    existing: ExistingLinksPolicy = "leave",
    rules: tuple[str, ...] = (),
    limit: int | None = None,
    **settings: object,
) -> Summary:
    """Adopt a library in this process, unless the settings name workers."""
    address, adoption = PostgresAddress(url), Adoption(parse_path_map(rules), existing)
    rerun_policy = RerunPolicy(redo_adopted=existing != "leave")
    with open_adopted_library(address, adoption, str(out), lambda: False) as library:
        all_settings = make_settings(
            **{"workers": 0, "rerun_policy": rerun_policy, **settings},
            database=address,
            hooks=(library.hook,),
        )
        return run_source(library.source, str(out), all_settings, limit=limit)


def undo(url: str, run_id: int) -> UndoResult:
    return undo_run(PostgresAddress(url), run_id)


def dump_owner_schema(postgres: PostgresServer, url: str, *, include_counts: bool = True) -> Counter[str]:
    """Return the owner's schema as lines of SQL, without the values of sequences.

    Args:
        postgres: the server.
        url: of the database.
        include_counts: whether to include the table that the owner's triggers fill.
    """
    exclusions = ["--exclude-table-data=*_seq"] + (
        [] if include_counts else ["--exclude-table-data=file_counts"]
    )
    return Counter(postgres.dump(url, "--schema=public", *exclusions).splitlines())


def read_links(url: str) -> set[Link]:
    """Return all rows of ``track_splits``, with the content hash of the track."""
    with psycopg.connect(url) as connection:
        return {(row[0], bytes(row[1]), *row[2:]) for row in connection.execute(LINKS_SQL)}


def expected_links(url: str, song_ids: set[int]) -> set[Link]:
    """Return the rows of ``track_splits`` that these songs must have, one for identical tracks."""
    links: dict[tuple[int, bytes], Link] = {}
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT id, filepath FROM public.files WHERE id = ANY(%s)", [[*song_ids]])
        for song, path in rows:
            for track in midiprism.split(Path(path).read_bytes()).tracks:
                values = (track.track_number, track.name, track.instrument, track.note_count)
                links.setdefault((song, track.digest), (song, track.digest, *values))
    return set(links.values())


def assert_owner_checks(postgres: PostgresServer, url: str) -> None:
    """Check that the owner's queries give the right answers, and that every file agrees with its row."""
    assert postgres.psql(url, DANGLING_LINKS_SQL) == "0\n"
    assert postgres.psql(url, ALL_SONGS_LINKED_SQL) == "t\n"
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT filepath, content_hash, file_size_bytes FROM public.files")
        for path, digest, size in rows:
            data = Path(path).read_bytes()
            assert (blake3(data).digest(), len(data)) == (bytes(digest), size)
