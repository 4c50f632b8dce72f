"""Runs over folders of fake songs, and the rows that they leave in the catalog."""

import os
from collections.abc import Sequence
from pathlib import Path

from midiprism.catalog import TrackRow, find_tracks, open_read_only
from midiprism.pipeline import Settings, Summary
from midiprism.pipeline.splitter import Splitter
from midiprism.sources import open_folders
from support import catalog_access
from support.fake_songs import fake_split
from support.runs import change_settings, run_source


def run(
    source: Path | Sequence[Path],
    out: Path,
    settings: Settings = Settings(),  # noqa: B008 - it is frozen
    *,
    splitter: Splitter = fake_split,
    **options: object,
) -> Summary:
    """Split folders, and check that every song is counted once."""
    sources = [source] if isinstance(source, Path) else source
    library = open_folders(sources, os.fsencode(out))
    if settings.resources.workers is None:
        settings = change_settings(settings, workers=0)
    settings = change_settings(settings, database=catalog_access.postgres_address(out))
    summary = run_source(library, str(out), settings, splitter=splitter, **options)
    assert summary.songs_seen == summary.songs_done + summary.songs_skipped
    assert summary.songs_done == sum(summary.outcomes.values())
    return summary


def rows(out: Path) -> list[TrackRow]:
    """Return the rows of all tracks of all songs, in order."""
    with open_read_only(catalog_access.catalog_address(out)) as catalog:
        return list(find_tracks(catalog.connection))
