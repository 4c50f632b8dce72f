"""A library of another program, built row by row for cases that ``support.foreign_library`` lacks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from blake3 import blake3

from support.postgres import PostgresServer

SUPPORT_DIR = Path(__file__).parent
_INSERT_FILE = """
INSERT INTO files (filename, filepath, original_filename, content_hash, file_size_bytes, num_tracks,
    is_multi_track, parent_file_id, track_number)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_INSERT_LINK = "INSERT INTO track_splits (parent_file_id, split_file_id, track_number) VALUES (%s, %s, %s)"


@dataclass(frozen=True)
class OwnerLibrary:
    """A database with the other program's tables, and a folder for its files."""

    url: str
    folder: Path

    @classmethod
    def create(cls, server: PostgresServer, folder: Path) -> "OwnerLibrary":
        url = server.new_database()
        server.psql(url, (SUPPORT_DIR / "foreign.sql").read_text(encoding="utf-8"))
        return cls(url, folder)

    def add_song(self, name: str, data: bytes, digest: bytes | None = None, track_count: int = 2) -> int:
        """Add a song, and return its id."""
        return self._insert_file(name, data, digest, track_count, None, None)

    def add_track(
        self, song_id: int, track_number: int, name: str, data: bytes, digest: bytes | None = None
    ) -> int:
        """Add a track of a song with a link to it, and return the track's id."""
        track_id = self._insert_file(name, data, digest, 1, song_id, track_number)
        self.add_link(song_id, track_id, track_number)
        return track_id

    def add_link(self, song_id: int, track_id: int, track_number: int) -> None:
        """Add a link from a song to a track."""
        with psycopg.connect(self.url) as connection:
            connection.execute(_INSERT_LINK, (song_id, track_id, track_number))

    def _insert_file(
        self,
        name: str,
        data: bytes,
        digest: bytes | None,
        track_count: int,
        song_id: int | None,
        track_number: int | None,
    ) -> int:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        values = (
            digest or blake3(data).digest(),
            len(data),
            track_count,
            song_id is not None,
            song_id,
            track_number,
        )
        with psycopg.connect(self.url) as connection:
            row = connection.execute(_INSERT_FILE, (name, str(path), name, *values)).fetchone()
        assert row is not None
        (file_id,) = row
        return int(file_id)


@contextmanager
def read_only_role(
    server: PostgresServer, url: str, grants: str = "SELECT ON public.files, public.track_splits"
) -> Iterator[str]:
    """Yield the URL, with a password, of a role that has only these privileges in a database."""
    server.psql(url, f"CREATE ROLE onlooker LOGIN PASSWORD 'se cret'; GRANT {grants} TO onlooker")
    try:
        database = url.rpartition("?")[0].rpartition("/")[2]
        role_url = server.url(database, user="onlooker", loopback=True)
        yield role_url.replace("onlooker@", "onlooker:se%20cret@")
    finally:
        server.psql(url, "DROP OWNED BY onlooker; DROP ROLE onlooker")
