"""A mirror answers like a local result of the same songs, and follows the generations."""

import io
import json
import os
import re
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from sqlalchemy import text

from midiprism import split_library
from midiprism.catalog.queries.facts import FactIndex
from midiprism.cli.render.track_list import track_to_json
from midiprism.errors import StoreError, UsageError
from midiprism.export.export import export_tracks
from midiprism.export.path_template import PathTemplate
from midiprism.features.facts_version import FACTS_VERSION
from midiprism.generations.errors import GenerationError
from midiprism.generations.forget import forget_songs_in_storage
from midiprism.generations.result import open_result
from midiprism.generations.run import split_to_storage
from midiprism.mirror import MirrorProgress, mirror_folder, update_mirror
from midiprism.mirror.folder import read_state
from midiprism.objects import ObjectAccessError, ObjectStorage, open_storage
from midiprism.results.lock import lock_exclusive
from midiprism.results.result_dir import open_catalog_of
from midiprism.results.result_store import open_result_store, require_identity
from midiprism.search.find import open_search
from midiprism.search.parse_query import parse_query
from midiprism.smf.types import CONTRACT_VERSION
from midiprism.sources import open_source
from midiprism.stores.types import TrackLocation
from support.generation_results import (
    memory_url,
    older_parts,
    options,
    parts,
    put_songs,
    some_songs,
    song_bytes,
    source_with,
)
from support.object_stores import HookedStorage, When


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("MIDIPRISM_CACHE_DIR", str(folder))
    return folder


def split(source: str, url: str, **values: Any) -> None:
    split_to_storage(source, url, options(**values), parts())


def rows(folder: str, source: str) -> list[str]:
    """Return all tracks of all songs of a result, with their paths below the source."""
    with open_search(folder, None) as search:
        found = [track_to_json(row) for row in search.tracks(parse_query(""))]
    for row in found:
        del row["path"], row["row"]  # the place of the track's bytes
    return [json.dumps(row).replace(json.dumps(source)[1:-1], "SOURCE") for row in found]


def local_result(songs: dict[str, bytes], folder: Path) -> tuple[str, str]:
    """Return the folders of a local result of these songs, and of the songs."""
    for key, data in songs.items():
        path = folder / "songs" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    split_library(folder / "songs", folder / "out", store="parquet", workers=0)
    return str(folder / "out"), str(folder / "songs")


def failed_songs(folder: str) -> list[tuple[str, str]]:
    with open_catalog_of(folder, None) as catalog, catalog.read_transaction() as connection:
        failed = connection.execute(
            text(
                "SELECT song_name, outcome FROM songs JOIN song_paths ON song_id = songs.id "
                "WHERE outcome NOT IN ('split', 'repaired') ORDER BY 1"
            )
        )
        return [(name, outcome) for name, outcome in failed]


def assert_mirrors(url: str, source: str, songs: dict[str, bytes], folder: Path) -> str:
    """Check that the mirror has what a local result of these songs has, and return its folder."""
    mirror = update_mirror(url)
    local, local_source = local_result(songs, folder)
    assert rows(mirror, source) == rows(local, local_source)
    assert failed_songs(mirror) == failed_songs(local)
    return mirror


def test_a_mirror_has_the_tracks_and_outcomes_of_a_local_result(tmp_path: Path) -> None:
    songs = some_songs(20)
    source, url = source_with(songs), memory_url()
    split(source, url)
    mirror = assert_mirrors(url, source, songs, tmp_path)
    assert mirror == mirror_folder(url)
    with open_catalog_of(mirror, None) as catalog:
        assert not FactIndex(catalog, FACTS_VERSION).some_lack_facts()


def test_songs_of_archives_are_in_the_mirror(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        for number, data in enumerate(song_bytes(2, 6)):
            members.writestr(f"in/{number}.mid", data)
    first, second = song_bytes(0, 2)
    songs = {"a.mid": first, "b.zip": archive.getvalue(), "c.mid": second}
    source, url = source_with(songs), memory_url()
    split(source, url, archives=True)
    local = tmp_path / "songs"
    local.mkdir()
    for key, data in songs.items():
        (local / key).write_bytes(data)
    split_library(open_source([local], enter_archives=True), tmp_path / "out", store="parquet", workers=0)
    found = [json.loads(row) for row in rows(update_mirror(url), source)]
    expected = [json.loads(row) for row in rows(str(tmp_path / "out"), str(local))]
    assert found == expected


def test_the_tracks_of_a_mirror_are_read_from_storage(tmp_path: Path) -> None:
    source, url = source_with(some_songs(10)), memory_url()
    split(source, url)
    mirror = update_mirror(url)
    assert not list(Path(mirror).rglob("*.parquet"))
    to = tmp_path / "tracks"
    summary = export_tracks(mirror, str(to), PathTemplate("song"), parse_query(""))
    assert summary.failed == 0
    digests = {blake3(path.read_bytes()).digest() for path in to.rglob("*.mid")}
    with open_search(mirror, None) as search:
        assert digests == {row.track.digest for row in search.tracks(parse_query(""))}


def test_a_mirror_follows_generations_and_reads_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_songs = some_songs(20)
    first = dict([*all_songs.items()][8:24])
    source, url = source_with(first), memory_url()
    split(source, url)
    update_mirror(url)
    put_songs(open_storage(source), {key: data for key, data in all_songs.items() if key not in first})
    split(source, url)
    read: list[str] = []

    def note(when: When, name: str, key: str) -> None:
        if when == "before" and name == "read" and key.endswith(".parquet"):
            read.append(key)

    update_mirror(url, opener=lambda place: HookedStorage(open_storage(place), note))
    assert read
    assert all("-000002-" in key for key in read)
    update_mirror(url)
    local, local_source = local_result(all_songs, tmp_path)
    # Songs that came later are recorded later, as in a second run.
    assert sorted(rows(mirror_folder(url), source)) == sorted(rows(local, local_source))
    assert read_state(mirror_folder(url)).generation == 2


def test_a_mirror_is_made_anew_when_songs_were_removed(tmp_path: Path) -> None:
    songs = some_songs(12)
    gone = [key for key in songs if "good/" <= key < "good/005"]
    source, url = source_with(songs), memory_url()
    split(source, url)
    update_mirror(url)
    open_storage(source).delete(gone)
    split(source, url, prune=True)
    left = {key: data for key, data in songs.items() if key not in gone}
    assert_mirrors(url, source, left, tmp_path)


def test_a_mirror_follows_a_result_whose_songs_were_split_again(tmp_path: Path) -> None:
    songs = some_songs(20)
    source, url = source_with(songs), memory_url()
    split_to_storage(source, url, options(), older_parts())
    update_mirror(url)
    gone = [key for key in songs if "good/" <= key < "good/004"]
    open_storage(source).delete(gone)
    split(source, url, redo=True)
    folder = update_mirror(url)
    assert require_identity(folder).contract == CONTRACT_VERSION
    with open_catalog_of(folder, None) as catalog:
        assert not FactIndex(catalog, FACTS_VERSION).some_lack_facts()
        manifest = open_result(open_storage(url)).newest_manifest()
        counted = [
            catalog.fetch_value(text(f"SELECT count(*) FROM {table}")) for table in ("tracks", "links")
        ]
    assert counted == [manifest.rows("tracks"), manifest.rows("links")]
    put_songs(open_storage(source), {key: songs[key] for key in gone})
    split(source, url)
    local, local_source = local_result(songs, tmp_path)
    assert sorted(rows(update_mirror(url), source)) == sorted(rows(local, local_source))


def test_a_changed_song_is_found_by_its_new_content() -> None:
    first, second = song_bytes(0, 2)
    source, url = source_with({"a.mid": first}), memory_url()
    split(source, url)
    update_mirror(url)
    put_songs(open_storage(source), {"a.mid": second})
    split(source, url)
    with open_search(update_mirror(url), None) as search:
        assert {row.song_digest for row in search.tracks(parse_query(""))} == {blake3(second).digest()}


class CutOffError(Exception):
    pass


def cut_off(progress: MirrorProgress) -> None:
    """End an update after its first chunk."""
    if 0 < progress.seen < progress.total:
        raise CutOffError


def test_an_update_that_was_cut_off_is_continued(tmp_path: Path) -> None:
    songs = some_songs(20)
    source, url = source_with(songs), memory_url()
    split(source, url)

    for _ in range(2):
        with pytest.raises(CutOffError):
            update_mirror(url, cut_off)
        assert not read_state(mirror_folder(url)).generation
    assert_mirrors(url, source, songs, tmp_path)


def test_songs_that_are_forgotten_after_an_update_was_cut_off_are_not_in_the_mirror(tmp_path: Path) -> None:
    songs = some_songs(20)
    source, url = source_with(songs), memory_url()
    split(source, url)

    with pytest.raises(CutOffError):
        update_mirror(url, cut_off)
    gone = blake3(song_bytes(0, 1)[0]).digest()
    forget_songs_in_storage(url, [gone])
    left = {key: data for key, data in songs.items() if blake3(data).digest() != gone}
    assert_mirrors(url, source, left, tmp_path)


def test_a_song_that_is_read_later_does_not_stop_a_mirror(tmp_path: Path) -> None:
    first, second = song_bytes(0, 2)
    source, url = source_with({"a.mid": first, "b.mid": second}), memory_url()

    def vanish(when: When, name: str, key: str) -> None:
        if when == "before" and name == "read" and key == "b.mid":
            open_storage(source).delete([key])

    def opened(place: str, **options_of_storage: Any) -> ObjectStorage:
        return HookedStorage(open_storage(place, **options_of_storage), vanish)

    split_to_storage(source, url, options(), parts(open_storage=opened))
    update_mirror(url)
    put_songs(open_storage(source), {"b.mid": second})
    split(source, url)
    assert_mirrors(url, source, {"a.mid": first, "b.mid": second}, tmp_path)


def test_an_update_can_be_stopped_between_chunks() -> None:
    source, url = source_with(some_songs(20)), memory_url()
    split(source, url)
    seen: list[int] = []
    folder = update_mirror(url, lambda progress: seen.append(progress.seen), stop=lambda: len(seen) > 1)
    assert len(seen) == 2
    assert not read_state(folder).generation


def test_one_process_updates_a_mirror_at_a_time() -> None:
    source, url = source_with(some_songs(3)), memory_url()
    split(source, url)
    folder = mirror_folder(url)
    os.makedirs(folder)
    with lock_exclusive(folder), pytest.raises(StoreError, match="is being updated by process"):
        update_mirror(url)


def test_without_a_committed_generation_there_is_nothing_to_mirror() -> None:
    source, url = source_with(some_songs(3)), memory_url()

    def fail(when: When, name: str, key: str) -> None:
        if when == "before" and name == "create" and key.startswith("manifests/"):
            raise ObjectAccessError("The store refuses.")

    def opened(place: str, **options_of_storage: Any) -> ObjectStorage:
        return HookedStorage(open_storage(place, **options_of_storage), fail)

    with pytest.raises(ObjectAccessError):
        split_to_storage(source, url, options(), parts(open_storage=opened))
    with pytest.raises(UsageError, match=r"No generation of memory://.* is complete yet"):
        update_mirror(url)


@pytest.mark.parametrize("table", ["tracks", "links", "songs", "paths"])
def test_a_damaged_file_is_named(table: str) -> None:
    source, url = source_with(some_songs(5)), memory_url()
    split(source, url)
    storage = open_storage(url)
    file = next(it for it in open_result(storage).newest_manifest().files if it.table == table)
    storage.put(file.stored.name, b"PAR1" + bytes(file.stored.size - 4))
    with pytest.raises(GenerationError, match=f"{re.escape(file.stored.name)} cannot be read"):
        update_mirror(url)


def test_a_track_that_storage_no_longer_has_is_reported() -> None:
    source, url = source_with(some_songs(3)), memory_url()
    split(source, url)
    folder = update_mirror(url)
    with open_search(folder, None) as search:
        row = next(iter(search.tracks(parse_query(""))))
    storage = open_storage(url)
    storage.delete([info.key for info in storage.list("tracks")])
    with closing(open_result_store(folder, require_identity(folder))) as store:
        location = TrackLocation("", "", row.track.digest, 16, row.shard, row.shard_row)
        with pytest.raises(StoreError, match="tracks/"):
            store.read(location)
