"""A library of another program, row by row, for what ``support.foreign`` has no case of."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from blake3 import blake3

from support.postgres import Server

HERE = Path(__file__).parent
_FILE = """
INSERT INTO files (filename, filepath, original_filename, content_hash, file_size_bytes, num_tracks,
    is_multi_track, parent_file_id, track_number)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_LINK = "INSERT INTO track_splits (parent_file_id, split_file_id, track_number) VALUES (%s, %s, %s)"


@dataclass(frozen=True)
class Owned:
    """A database with their tables, and a folder for their files."""

    url: str
    folder: Path

    @classmethod
    def new(cls, server: Server, folder: Path) -> "Owned":
        url = server.new_database()
        server.psql(url, (HERE / "foreign.sql").read_text(encoding="utf-8"))
        return cls(url, folder)

    def song(self, name: str, data: bytes, digest: bytes | None = None, tracks: int = 2) -> int:
        """Add a song; its id."""
        return self._file(name, data, digest, tracks, None, None)

    def split(self, parent: int, number: int, name: str, data: bytes, digest: bytes | None = None) -> int:
        """Add a split of a song, linked to it; its id."""
        split = self._file(name, data, digest, 1, parent, number)
        self.link(parent, split, number)
        return split

    def link(self, parent: int, split: int, number: int) -> None:
        """Add a link."""
        with psycopg.connect(self.url) as connection:
            connection.execute(_LINK, (parent, split, number))

    def _file(
        self,
        name: str,
        data: bytes,
        digest: bytes | None,
        tracks: int,
        parent: int | None,
        number: int | None,
    ) -> int:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        facts = (digest or blake3(data).digest(), len(data), tracks, parent is not None, parent, number)
        with psycopg.connect(self.url) as connection:
            row = connection.execute(_FILE, (name, str(path), name, *facts)).fetchone()
        assert row is not None
        found: int = row[0]
        return found


@contextmanager
def reader(
    server: Server, url: str, grants: str = "SELECT ON public.files, public.track_splits"
) -> Iterator[str]:
    """A role that has these privileges and no others in a database: its URL, with a password."""
    server.psql(url, f"CREATE ROLE onlooker LOGIN PASSWORD 'se cret'; GRANT {grants} TO onlooker")
    try:
        place = server.url(url.rpartition("?")[0].rpartition("/")[2], user="onlooker", loopback=True)
        yield place.replace("onlooker@", "onlooker:se%20cret@")
    finally:
        server.psql(url, "DROP OWNED BY onlooker; DROP ROLE onlooker")
