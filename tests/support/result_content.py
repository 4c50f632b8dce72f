"""The content of a result: its track files and the rows of its catalog, comparable between runs."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg

from midiprism.catalog import PostgresAddress
from support import catalog_access
from support.fake_songs import read_tree

CONTENT_QUERIES = {
    "songs": "SELECT digest, size, format, num_tracks, division, duration_ticks, duration_seconds, "
    "outcome, problems, link_count, contract_version, facts_version, song_key FROM songs",
    "paths": "SELECT path, digest, root_length, song_name, song_paths.size, mtime_ns, source_metadata "
    "FROM song_paths JOIN songs ON songs.id = song_id",
    "tracks": "SELECT digest, size, stem, digest_digits, name, instrument, family, channel, program, "
    "note_count, lowest_pitch, highest_pitch, duration_ticks, duration_seconds, note_hash, facts_version, "
    "key, polyphony FROM tracks",
    "links": "SELECT songs.digest, position, track_number, s.channel, s.program, part_count, tracks.digest, "
    "s.name, s.instrument, s.family FROM links s JOIN songs ON songs.id = song_id "
    "JOIN tracks ON tracks.id = track_id",
}
"""Queries of everything in a catalog, without row numbers and times."""


def catalog_content(out: Path, url: str | None = None) -> dict[str, list[tuple[object, ...]]]:
    """Return the sorted rows of the catalog of ``out`` or at ``url``, without row numbers and times."""
    address = catalog_access.postgres_address(out) if url is None else PostgresAddress(url)
    if address is None:
        connection = sqlite3.connect(out / "catalog.sqlite")
        connection.text_factory = bytes
        content = {name: connection.execute(query).fetchall() for name, query in CONTENT_QUERIES.items()}
        connection.close()
    else:
        with psycopg.connect(address.url, options=f"-c search_path={address.schema}") as server:
            content = {
                name: [
                    tuple(value.encode() if isinstance(value, str) else value for value in row)
                    for row in server.execute(query.replace("problems", "problems::text"))
                ]
                for name, query in CONTENT_QUERIES.items()
            }
    return {name: sorted(rows, key=repr) for name, rows in content.items()}


def track_files(out: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the bytes of every file below ``tracks``, temporary ones too."""
    for path in sorted((out / "tracks").rglob("*")):
        if path.is_file():
            yield path.relative_to(out).as_posix(), path.read_bytes()


def tracks(out: Path) -> dict[str, bytes]:
    """Return every file below ``tracks`` by its path."""
    return {path: data for path, data in read_tree(out).items() if path.startswith("tracks/")}


def result_content(
    out: Path, url: str | None = None
) -> tuple[dict[str, bytes], dict[str, list[tuple[object, ...]]]]:
    """Return the content that must be the same for the same songs, however the result came about."""
    return dict(track_files(out)), catalog_content(out, url)
