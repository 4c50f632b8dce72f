"""Records of songs, links and tracks for tests: values that do not matter have defaults."""

from typing import Any

from midiprism.records.fields import LinkRecord, SongRecord
from midiprism.records.track_record import TrackRecord


def track_record(digest: bytes = bytes(32), **values: Any) -> TrackRecord:
    """Return a track with this digest; ``values`` replace defaults."""
    track = TrackRecord(
        digest=digest,
        name="Lead",
        instrument="Violin",
        family="Strings",
        channel=0,
        program=40,
        note_count=5,
        lowest_pitch=50,
        highest_pitch=60,
        duration_ticks=960,
        duration_seconds=1.0,
        ticks_per_quarter=480,
        tempo=120.0,
        tempo_count=1,
        time_signature="4/4",
        key_signature="C major",
        size=9,
        stem="lead",
    )
    return track._replace(**values)


def link_record(track: TrackRecord, **values: Any) -> LinkRecord:
    """Return a link to a track that sounds in the song as it does alone; ``values`` replace defaults."""
    link = LinkRecord(
        track_number=0,
        port=None,
        channel=track.channel,
        program=track.program,
        drum_piece=36,
        part_count=1,
        name=track.name,
        name_encoding=None,
        instrument=track.instrument,
        family=track.family,
        track=track,
    )
    return link._replace(**values)


def song_record(path: bytes, digest: bytes | None, *links: LinkRecord, **values: Any) -> SongRecord:
    """Return a song in the folder ``/`` that was split into these links; ``values`` replace defaults."""
    song = SongRecord(
        path=path,
        root_length=1,
        song_name=path[1:].removesuffix(b".mid").decode(errors="surrogateescape"),
        size=10,
        mtime_ns=20,
        digest=digest,
        outcome="split",
        format=1,
        num_tracks=1,
        division=480,
        duration_ticks=960,
        duration_seconds=1.0,
        links=links,
    )
    return song._replace(**values)
