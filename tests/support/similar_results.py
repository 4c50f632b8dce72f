"""Results of melodies, to look for similar ones in."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from midiprism.catalog.reader import open_reader
from midiprism.results.identity import StoreKind
from midiprism.results.result_dir import catalog_address
from midiprism.similarity.generation import Generation
from midiprism.similarity.groups import update_groups
from midiprism.similarity.types import GroupCounts
from midiprism.similarity.update import Updated, update_fingerprints
from midiprism.smf.split_song import split
from support import catalog_access
from support.fake_songs import write_files
from support.melodies import Melody, midi_song
from support.runs import make_settings, run_split


def split_melodies(
    folder: Path, songs: Mapping[str, Sequence[Melody]], store: StoreKind = "files", **options: object
) -> Path:
    """Split songs of melodies, and return the folder of the result: ``out`` in this folder."""
    files = {f"{name}.mid": midi_song(*melodies) for name, melodies in songs.items()}
    write_files(folder / "songs", files)
    out = folder / "out"
    settings = make_settings(workers=0, store=store)
    assert run_split(folder / "songs", out, settings, splitter=split, **options).state == "done"
    return out


def update(out: Path, **options: object) -> Updated:
    """Bring the fingerprints of a result up to date."""
    with open_reader(address_of(out)) as reader:
        return update_fingerprints(str(out), reader, 1, **options)  # type: ignore[arg-type]


def address_of(out: Path):  # type: ignore[no-untyped-def]
    return catalog_address(str(out), catalog_access.postgres_address(out))


def track_ids(generation: Generation) -> list[int]:
    """Return the ids of all tracks with fingerprints."""
    return [track_id for segment in generation for track_id in segment.ids.tolist()]


def group(out: Path, threshold: float | None = None, **options: object) -> GroupCounts:
    """Bring the groups of a result up to date."""
    return update_groups(str(out), catalog_access.postgres_address(out), threshold, 1, **options)  # type: ignore[arg-type]


def song_groups(out: Path) -> list[set[str]]:
    """Return the names of the songs of each group, the largest group first."""
    from midiprism.catalog.queries.similar_groups import similar_songs

    with open_reader(address_of(out)) as reader:
        return [{song.song_name or "" for song in found.members} for found in similar_songs(reader)]


def track_groups(out: Path) -> list[list[str]]:
    """Return the names of a song of each track of each group, sorted."""
    from midiprism.catalog.queries.similar_groups import similar_tracks

    with open_reader(address_of(out)) as reader:
        return sorted(
            sorted(track.song_name or "" for track in found.members) for found in similar_tracks(reader)
        )
