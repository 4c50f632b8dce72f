"""Tests of audits of tracks that are parts of source tracks."""

from pathlib import Path

import pytest

import midiprism
from midiprism.adopt.audit import audit_library
from midiprism.adopt.audit_report import AuditReport
from midiprism.catalog import PostgresAddress
from midiprism.smf.types import By
from midiprism.sources.path_map import PathMap
from support.midi_writer import note, program_change, song, tempo, track
from support.owner_library import OwnerLibrary
from support.postgres import PostgresServer

SEVERAL_PARTS = song(
    track([(0, tempo(400_000)), (400, tempo(600_000))]),
    track(
        [
            *((0, program_change(0, 5)), *note(0, 60, 0, 90)),
            *(*note(9, 36, 100, 50), *note(9, 38, 200, 50)),
            *((300, program_change(0, 33)), *note(0, 40, 300, 90)),
        ]
    ),
)
"""One track with two programs on one channel, and two drums on another one."""


@pytest.fixture
def owner_library(postgres: PostgresServer, tmp_path: Path) -> OwnerLibrary:
    return OwnerLibrary.create(postgres, tmp_path)


def run_audit(url: str) -> AuditReport:
    return audit_library(PostgresAddress(url), PathMap())


@pytest.mark.parametrize("by", ["channel", "program", "drum", "track"])
def test_tracks_that_midiprism_split_in_any_way_are_correct(owner_library: OwnerLibrary, by: By) -> None:
    song_id = owner_library.add_song("a.mid", SEVERAL_PARTS)
    parts = midiprism.split(SEVERAL_PARTS, by=by).tracks
    assert len(parts) == {"channel": 2, "program": 3, "drum": 3, "track": 1}[by]
    for number, part in enumerate(parts):
        owner_library.add_track(song_id, number, f"{number}.mid", part.data)
    report = run_audit(owner_library.url)
    assert (report.counts, report.tracks_correct, report.tracks_expected) == ({}, len(parts), len(parts))


def test_a_part_without_a_link_and_a_damaged_part_are_found(owner_library: OwnerLibrary) -> None:
    song_id = owner_library.add_song("a.mid", SEVERAL_PARTS)
    first, _ = midiprism.split(SEVERAL_PARTS, by="channel").tracks
    owner_library.add_track(song_id, 1, "1.mid", first.data)
    report = run_audit(owner_library.url)
    assert report.counts == {"not_linked": 1}
    assert report.examples["not_linked"][0].message.startswith(
        "No link of its song leads to a part of track 1,"
    )
