"""Rows for the Parquet store: real tracks of sample songs, and small made-up ones."""

from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet
from blake3 import blake3

from midiprism import split
from midiprism.stores.parquet.schema import ParquetLink, ParquetSong, ParquetTrack, path_text_and_bytes
from support.sample_songs import FEW, sample_songs


def _track(**values: Any) -> ParquetTrack:
    """Return a row with these values, without facts that are computed."""
    row: ParquetTrack = ParquetTrack(**{**dict.fromkeys(ParquetTrack._fields), **values})
    return row


def track_row(music: bytes, name: str | None = "Lead") -> ParquetTrack:
    """Return a row for any bytes."""
    return _track(
        blake3=blake3(music).digest(),
        name=name,
        instrument="Violin",
        family="Strings",
        channel=3,
        program=40,
        note_count=12,
        lowest_pitch=40,
        highest_pitch=60,
        duration_ticks=1920,
        duration_seconds=2.0,
        last_note_ticks=1440,
        last_note_seconds=1.5,
        ticks_per_quarter=480,
        tempo=120.0,
        tempo_count=1,
        time_signature="4/4",
        key_signature="C# minor",
        note_hash=9007199254740991,
        size=len(music),
        music=music,
    )


def minimal_row(music: bytes) -> ParquetTrack:
    """Return a row with as few facts as possible."""
    row: ParquetTrack = track_row(music, None)._replace(
        channel=None,
        program=None,
        duration_seconds=None,
        last_note_seconds=None,
        ticks_per_quarter=None,
        tempo=None,
        tempo_count=0,
        time_signature=None,
        key_signature=None,
        note_hash=0,
    )
    return row


@cache
def sample_rows() -> tuple[tuple[ParquetTrack, ...], tuple[ParquetLink, ...], tuple[ParquetSong, ...]]:
    """Return the tracks, links and songs of 60 sample songs. The path of one is not UTF-8."""
    tracks: dict[bytes, ParquetTrack] = {}
    links: list[ParquetLink] = []
    songs: list[ParquetSong] = []
    for number, song in enumerate(sample_songs(FEW)[:60]):
        result = split(song.data)
        digest = blake3(song.data).digest()
        text, raw = path_text_and_bytes(b"\xe9t\xe9.mid" if number == 7 else song.path.encode())
        parts = [track.track_number for track in result.tracks]
        for position, split_track in enumerate(result.tracks):
            track = _track(
                blake3=split_track.digest,
                name=split_track.name,
                instrument=split_track.own_instrument,
                family=split_track.own_family,
                channel=split_track.channel,
                program=split_track.program,
                note_count=split_track.note_count,
                lowest_pitch=split_track.lowest_pitch,
                highest_pitch=split_track.highest_pitch,
                duration_ticks=split_track.duration_ticks,
                duration_seconds=split_track.duration_seconds,
                last_note_ticks=split_track.last_note_ticks,
                last_note_seconds=split_track.last_note_seconds,
                ticks_per_quarter=split_track.ticks_per_quarter,
                tempo=split_track.tempo,
                tempo_count=split_track.tempo_count,
                time_signature=split_track.time_signature,
                key_signature=split_track.key_signature,
                note_hash=split_track.note_hash,
                size=len(split_track.data),
                music=split_track.data,
            )
            tracks.setdefault(track.blake3, track)
            links.append(
                ParquetLink(
                    digest,
                    position,
                    split_track.track_number,
                    None,
                    split_track.channel,
                    split_track.program,
                    None,
                    parts.count(split_track.track_number),
                    split_track.name,
                    split_track.name_encoding,
                    split_track.instrument,
                    split_track.family,
                    track.blake3,
                )
            )
        songs.append(
            ParquetSong(
                digest,
                text,
                raw,
                len(song.data),
                result.outcome,
                result.format,
                result.num_tracks,
                result.division,
                result.duration_ticks,
                result.duration_seconds,
                result.lost_bytes,
                len(result.tracks),
                digest.hex()[:16],
                digest[0] % 10,
                "/songs",
                None,
                "D minor",
                0.8125,
            )
        )
    return tuple(tracks.values()), tuple(links), tuple(songs)


def parquet_rows(out: Path) -> dict[str, list[str]]:
    """Return the sorted rows of a result in Parquet files, by their folder. No track may occur twice."""
    rows = {}
    for folder in ("tracks", "links", "songs"):
        files = sorted((out / folder).glob("*.parquet")) if (out / folder).is_dir() else []
        rows[folder] = sorted(
            repr(row) for file in files for row in pyarrow.parquet.read_table(file).to_pylist()
        )
    assert len(set(rows["tracks"])) == len(rows["tracks"])
    return rows


def overwrite_shard(path: Path, data: bytes) -> None:
    """Overwrite a shard, which is read-only."""
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)
