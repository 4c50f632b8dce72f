"""Estimates the cost of a run into object storage. Nothing is written there."""

from collections.abc import Iterable
from dataclasses import dataclass

from midiprism.generations.digests import prefixes_for
from midiprism.generations.estimate import CostEstimate, estimate_cost, measure_chunks
from midiprism.generations.finish import open_plan
from midiprism.generations.listing import ListedSong, SortedListing
from midiprism.generations.local_folder import temporary_folder
from midiprism.generations.plan import require_settings
from midiprism.generations.planning import new_songs, source_changes
from midiprism.generations.result import GenerationResult, Manifest, find_result
from midiprism.generations.run import RunOptions, require_contract
from midiprism.generations.run_parts import RunParts, parse_places
from midiprism.objects import ObjectMissingError


@dataclass(frozen=True, slots=True)
class DryRun:
    """The findings of a dry run.

    Attributes:
        estimate: of the next generation.
        unfinished: the generation that the run would finish first, which the estimate leaves out; None if
            there is none.
    """

    estimate: CostEstimate
    unfinished: int | None


def estimate_split(
    source_url: str, result_url: str, options: RunOptions | None = None, parts: RunParts | None = None
) -> DryRun:
    """List the songs below a URL, and return what splitting those will cost that are new in a result.

    Raises:
        UsageError: a URL cannot be used.
        ObjectStorageError: storage cannot be read.
    """
    options, parts = options or RunOptions(), parts or RunParts()
    require_settings(options.settings)
    songs_place, result_place = parse_places(source_url, result_url)
    source = parts.open_storage(str(songs_place))
    result = _existing(str(result_place), parts)
    with temporary_folder(parts.machine.folder) as folder:
        listing = SortedListing(source, folder, containers=options.archives)
        manifest, unfinished = Manifest(), None
        songs: Iterable[ListedSong] = listing
        prefixes = options.prefixes or prefixes_for(listing.estimated_songs)
        if result is not None:
            manifest, unfinished = result.newest_manifest(), _unfinished(result)
            require_contract(result, manifest, options)
            prefixes = result.identity.prefixes
            if not options.redo and not (
                options.prune and source_changes(result, manifest, source, listing).gone
            ):
                songs = new_songs(result, manifest, source, listing)
        chunks = measure_chunks(songs, listing.estimated_songs, options.chunks)
    return DryRun(estimate_cost(chunks, prefixes, listing.count, manifest.number), unfinished)


def _existing(url: str, parts: RunParts) -> GenerationResult | None:
    """Return the result at a URL; None if there is none yet."""
    try:
        return find_result(parts.open_storage(url))
    except ObjectMissingError:
        return None


def _unfinished(result: GenerationResult) -> int | None:
    plan = open_plan(result)
    return None if plan is None else plan.number
