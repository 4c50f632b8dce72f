"""Runs on results in object storage: plan what is new, do the passes, commit, remove what is left over."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from midiprism.errors import DoubtedScanError, OlderContractError, UsageError
from midiprism.generations.digests import prefixes_for
from midiprism.generations.finish import finish, finish_without_source, open_plan
from midiprism.generations.layout import PATHS
from midiprism.generations.listing import SortedListing
from midiprism.generations.local_folder import temporary_folder
from midiprism.generations.plan import Plan, SplitSettings, require_settings
from midiprism.generations.planning import ChunkLimits, SourceChanges, make_plan, source_changes
from midiprism.generations.result import (
    GenerationResult,
    Manifest,
    find_result,
    open_or_create_result,
)
from midiprism.generations.run_parts import RunParts, parse_places
from midiprism.generations.summary import GenerationSummary, summarize, summarize_nothing
from midiprism.generations.sweep import sweep
from midiprism.generations.usage import METER
from midiprism.objects import (
    ObjectMissingError,
    ObjectStorage,
    require_conditions,
)
from midiprism.pipeline.missing_songs import MAX_SHARE_MISSING, MIN_SONGS_DOUBTED
from midiprism.results.identity import RequestedIdentity


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run.

    Attributes:
        identity: wanted for the result.
        settings: of a new generation.
        retry_failed: whether songs that could not be read are reason enough for a new generation.
        prune: whether songs that are gone are removed.
        trust_listing: whether that holds however many are gone.
        prefixes: of a new result; None to choose by the number of songs.
        archives: whether archives and Parquet files below the URL of the source are read too.
        chunks: limits of chunks.
        redo: whether all songs of the source are split again, so that an earlier contract is no obstacle.
    """

    identity: RequestedIdentity = field(default_factory=RequestedIdentity)
    settings: SplitSettings = field(default_factory=SplitSettings)
    retry_failed: bool = False
    prune: bool = False
    trust_listing: bool = False
    prefixes: int | None = None
    archives: bool = False
    chunks: ChunkLimits = field(default_factory=ChunkLimits)
    redo: bool = False


class _Work(NamedTuple):
    """The work of the next generation of a run.

    Attributes:
        is_any: whether there is some.
        prunes: whether songs that are gone are removed.
        redoes: whether all songs are split again.
        gone: paths of songs that are gone and stay.
    """

    is_any: bool
    prunes: bool
    redoes: bool
    gone: int


def split_to_storage(
    source_url: str, result_url: str, options: RunOptions | None = None, parts: RunParts | None = None
) -> GenerationSummary:
    """Split the songs below a URL into the result at another, and return what is there then.

    A generation that another run began is finished first, also if it began it meanwhile. Then songs that are
    new or have changed make the next one.

    Raises:
        UsageError: a URL cannot be used, or the result has another identity or an earlier contract.
        DoubtedScanError: songs are to be removed, and so many are gone that the source may not be all there.
        ObjectStorageError: storage cannot be read or written. What is recorded stays.
        GenerationError: the generation cannot go on, or was stopped. What is recorded stays.
    """
    options, parts = options or RunOptions(), parts or RunParts()
    require_settings(options.settings)
    METER.take()
    songs, place = parse_places(source_url, result_url)
    try:
        source = parts.open_storage(str(songs))
    except ObjectMissingError:
        finish_without_source(songs, place, parts)
        raise
    storage = parts.open_storage(str(place), make_folder=True)
    now = require_conditions(storage)
    finished: list[Plan] = []
    existing = find_result(storage, parts.contract)
    if existing is None or open_plan(existing) is not None:  # there will be tasks whatever the source has
        parts.engine.prepare(storage.url, source.url)
    with temporary_folder(parts.machine.folder) as folder:
        listing = SortedListing(source, folder, containers=options.archives)
        if not listing.count and existing is None:
            # The first songs determine for good how many prefixes a result has.
            return summarize_nothing(storage.url, listing.skipped)
        prefixes = options.prefixes or prefixes_for(listing.estimated_songs)
        result = open_or_create_result(storage, options.identity, prefixes, parts.contract)
        others: list[Plan] = []
        is_ours = False
        while not is_ours:
            if (plan := open_plan(result)) is not None:
                finished.append(finish(result, plan, source, parts))
            if plan is not None or others:
                listing = SortedListing(source, folder, containers=options.archives)
            manifest = result.newest_manifest()
            work = _find_work(result, manifest, source, listing, options, finished, others)
            if not work.is_any:
                break
            parts.engine.prepare(storage.url, source.url)
            plan, is_ours = make_plan(
                result,
                manifest,
                source,
                listing,
                options.settings,
                afresh=work.prunes,
                redo=work.redoes,
                limits=options.chunks,
            )
            if is_ours:
                finished.append(finish(result, plan, source, parts))
            else:
                others.append(plan)  # which is finished first, and may leave less to do
    sweep(result, now)
    return summarize(result, finished, work.gone, listing.skipped)


def _find_work(
    result: GenerationResult,
    manifest: Manifest,
    source: ObjectStorage,
    listing: SortedListing,
    options: RunOptions,
    finished: Sequence[Plan],
    others: Sequence[Plan],
) -> _Work:
    """Return what a run is to do after the newest generation.

    Args:
        manifest: of that generation.
        finished: generations that the run has finished.
        others: generations that other runs planned when this one was about to.

    Raises:
        UsageError: it cannot do what its options say.
        DoubtedScanError: songs are to be removed, and so many are gone that the source may not be all there.
    """
    require_contract(result, manifest, options)
    changes = source_changes(result, manifest, source, listing)
    prunes = options.prune and changes.gone > 0
    if prunes:
        _require_believed(manifest, source, changes, trust=options.trust_listing)
    redoes = options.redo and not any(_redid_all(plan, listing, options) for plan in (*finished, *others))
    retries = options.retry_failed and changes.unread > 0 and not any(plan.chunks for plan in others)
    is_any = prunes or (redoes and listing.count > 0) or changes.new > 0 or retries
    return _Work(is_any, prunes, redoes, 0 if prunes else changes.gone)


def _redid_all(plan: Plan, listing: SortedListing, options: RunOptions) -> bool:
    """Return whether a generation is the one that a run with these options makes to split all songs again."""
    return (
        (plan.redo or not plan.base)
        and plan.song_count == listing.count
        and plan.settings == options.settings
    )


def require_contract(result: GenerationResult, manifest: Manifest, options: RunOptions) -> None:
    """Check that a run splits as the newest generation of a result, or splits all songs again.

    Raises:
        OlderContractError: it does not.
    """
    if manifest.contract < result.contract and manifest.number and not options.redo:
        raise OlderContractError(result.storage.url)


def _require_believed(
    manifest: Manifest, source: ObjectStorage, changes: SourceChanges, *, trust: bool
) -> None:
    """Check that songs which are gone may be removed.

    Raises:
        UsageError: the result also has songs of another source.
        DoubtedScanError: so many of them are gone that the source may not be all there.
    """
    if any(file.table == PATHS and file.source != source.url for file in manifest.files):
        raise UsageError(
            "The result has songs of several sources, of which only one can be checked for songs that are "
            "gone: choose another URL for the result, and split them again."
        )
    is_much = changes.known >= MIN_SONGS_DOUBTED and changes.gone > MAX_SHARE_MISSING * changes.known
    if is_much and not trust:
        raise DoubtedScanError(f"{changes.gone:,} of {changes.known:,} songs of {source.url} are gone")
