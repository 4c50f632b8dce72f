"""Tests on real file systems of other kinds, where the tests may mount them and their tools are installed.

They are mounted from an image, by programs of Debian's packages exfat-fuse, exfatprogs and ntfs-3g.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from midiprism.catalog import VerifyScope
from midiprism.export.export import export_tracks
from midiprism.export.path_template import PathTemplate
from midiprism.integrity.repair import repair_result
from midiprism.integrity.verify import verify_result
from midiprism.results.result_dir import marker_facts
from midiprism.search.query import Query
from support.fake_songs import BASS, DRUMS, PIANO, fake_song, fake_split, read_tree, write_files
from support.restrictions import can_mount
from support.runs import run_split

FLUTE = "Pipe;Flute;Fl\u00f6te \u00c9lan \uac00;d"
SONGS = {"a.mid": fake_song(PIANO, BASS), "b.mid": fake_song(DRUMS, FLUTE), "c.mid": fake_song(FLUTE + "x")}
IMAGE_BYTES = 32 << 20
KINDS = {
    "exfat": (["mkfs.exfat"], ["mount.exfat-fuse"], "preserved"),
    "ntfs": (["mkntfs", "-F", "-Q", "-q"], ["ntfs-3g"], "sensitive"),
    "ntfs without case": (["mkntfs", "-F", "-Q", "-q"], ["lowntfs-3g", "-o", "ignore_case"], "changed"),
}
"""How each kind is made and mounted, and what it does with the case of names."""

pytestmark = pytest.mark.skipif(not can_mount(), reason="mounting needs root")


@contextlib.contextmanager
def mounted(kind: str, folder: Path) -> Iterator[Path]:
    """Mount a new file system of some kind on a folder."""
    make, mount, _case = KINDS[kind]
    if not all(map(shutil.which, (make[0], mount[0], "losetup", "umount"))):
        pytest.skip(f"{make[0]} and {mount[0]} are not installed")
    image, place = folder / "image", folder / "disk"
    place.mkdir()
    with open(image, "wb") as file:
        file.truncate(IMAGE_BYTES)
    device = _output("losetup", "--find", "--show", str(image))
    try:
        _output(*make, device)
        _output(*mount, device, str(place))
        try:
            yield place
        finally:
            _output("umount", str(place))
    finally:
        _output("losetup", "--detach", device)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def tracks(out: Path) -> dict[str, bytes]:
    return {path: data for path, data in read_tree(out).items() if path.startswith("tracks/")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_is_checked_repaired_and_exported(kind: str, tmp_path: Path) -> None:
    songs = write_files(tmp_path / "songs", SONGS)
    with mounted(kind, tmp_path) as disk:
        out = disk / "out"
        summary = run_split(songs, out)
        assert (summary.state, summary.has_failures) == ("done", False)
        assert marker_facts(str(out))["file_system"]["case"] == KINDS[kind][2]
        before = tracks(out)
        assert len(before) == 5
        assert verify_result(str(out), VerifyScope()).counts == {}
        repaired = repair_result(str(out), VerifyScope(), splitter=fake_split)
        assert (repaired.damage_report.counts, repaired.orphans, repaired.files) == ({}, 0, 0)
        lost, cut, *_ = before
        os.unlink(out / lost)
        os.truncate(out / cut, 3)
        assert verify_result(str(out), VerifyScope()).counts == {"missing": 1, "size": 1}
        assert repair_result(str(out), VerifyScope(), splitter=fake_split).files == 2
        assert tracks(out) == before
        exported = [
            export_tracks(str(out), str(disk / "tree"), PathTemplate("song"), Query()) for _ in range(2)
        ]
        assert [(done.files_new, done.files_unchanged) for done in exported] == [(5, 0), (0, 5)]
