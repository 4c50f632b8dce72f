"""Libraries of another program's, taken over: runs on them, and what their owner finds afterwards."""

from collections import Counter
from pathlib import Path

import psycopg
from blake3 import blake3

import midiprism
from midiprism.catalog import PostgresAddress, open_catalog
from midiprism.catalog.bridge import Existing
from midiprism.catalog.postgres import PostgresCatalog
from midiprism.catalog.undo import Undone, undo_run
from midiprism.library.pathmap import path_map
from midiprism.run import Settings, Summary, Wish, split_library
from midiprism.run.adoption import adopted_library
from midiprism.run.settings import Adoption
from support.postgres import Server

LINKS = """
SELECT link.parent_file_id, split.content_hash, link.track_number, link.track_name, link.instrument,
    link.note_count
FROM public.track_splits AS link JOIN public.files AS split ON split.id = link.split_file_id
"""
ONE_ENDED = """
SELECT count(*) FROM public.track_splits AS link
LEFT JOIN public.files AS parent ON parent.id = link.parent_file_id
LEFT JOIN public.files AS split ON split.id = link.split_file_id
WHERE parent.id IS NULL OR split.id IS NULL
"""
PROGRESS = """
SELECT count(DISTINCT link.parent_file_id) = count(DISTINCT parent.id)
FROM public.files AS parent LEFT JOIN public.track_splits AS link ON link.parent_file_id = parent.id
WHERE parent.num_tracks > 1
"""

Link = tuple[int, bytes, int, str | None, str, int]


def adopt(
    url: str,
    out: Path,
    *,
    existing: Existing = "leave",
    rules: tuple[str, ...] = (),
    limit: int | None = None,
    **settings: object,
) -> Summary:
    """A run in this process, unless it is told otherwise."""
    address, adoption = PostgresAddress(url), Adoption(path_map(rules), existing)
    asked = Settings(
        **{"workers": 0, "wish": Wish(existing=existing != "leave"), **settings},  # type: ignore[arg-type]
        database=address,
        adoption=adoption,
    )
    with adopted_library(address, adoption, lambda: False) as library:
        return split_library(library, str(out), asked, limit=limit)


def undo(url: str, run_id: int) -> Undone:
    with open_catalog(PostgresAddress(url)) as catalog:
        assert isinstance(catalog, PostgresCatalog)
        return undo_run(catalog, run_id)


def theirs(postgres: Server, url: str, *, counts: bool = True) -> Counter[str]:
    """The owner's schema as lines of SQL, without how far sequences are.

    Args:
        counts: with the table that their triggers fill.
    """
    without = ["--exclude-table-data=*_seq"] + ([] if counts else ["--exclude-table-data=file_counts"])
    return Counter(postgres.dump(url, "--schema=public", *without).splitlines())


def links(url: str) -> set[Link]:
    """All rows of ``track_splits``, by content."""
    with psycopg.connect(url) as connection:
        return {(row[0], bytes(row[1]), *row[2:]) for row in connection.execute(LINKS)}


def expected(url: str, parents: set[int]) -> set[Link]:
    """What these parents ought to have there: two tracks of one content are one row, the first of them."""
    found: dict[tuple[int, bytes], Link] = {}
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT id, filepath FROM public.files WHERE id = ANY(%s)", [[*parents]])
        for parent, path in rows:
            for track in midiprism.split(Path(path).read_bytes()).tracks:
                facts = (track.track_number, track.name, track.instrument, track.note_count)
                found.setdefault((parent, track.digest), (parent, track.digest, *facts))
    return set(found.values())


def require_owners_checks(postgres: Server, url: str) -> None:
    """What the library's owner asks their tables, and that every file is what its row says."""
    assert postgres.psql(url, ONE_ENDED) == "0\n"
    assert postgres.psql(url, PROGRESS) == "t\n"
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT filepath, content_hash, file_size_bytes FROM public.files")
        for path, digest, size in rows:
            data = Path(path).read_bytes()
            assert (blake3(data).digest(), len(data)) == (bytes(digest), size)
