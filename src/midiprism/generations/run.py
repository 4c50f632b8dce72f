"""Runs on results in object storage: plan what is new, do the passes, commit, remove what is left over."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from midiprism.errors import DoubtedScanError, OlderContractError, UsageError
from midiprism.generations.commit import commit_generation
from midiprism.generations.digests import prefixes_for
from midiprism.generations.engine import Engine
from midiprism.generations.engines.local import LocalEngine
from midiprism.generations.errors import GenerationStoppedError, NoGenerationsError, OlderPlanError
from midiprism.generations.layout import PATHS
from midiprism.generations.listing import SortedListing
from midiprism.generations.local_folder import temporary_folder
from midiprism.generations.open_generation import OpenGeneration
from midiprism.generations.pass_task import PassTask
from midiprism.generations.plan import Plan, SplitSettings, require_settings
from midiprism.generations.planning import ChunkLimits, SourceChanges, make_plan, source_changes
from midiprism.generations.result import GenerationResult, Manifest, open_or_create_result, open_result
from midiprism.generations.splitting import Machine
from midiprism.generations.summary import GenerationSummary, summarize
from midiprism.generations.sweep import remove_work, sweep
from midiprism.generations.usage import METER
from midiprism.objects import (
    ObjectMissingError,
    ObjectStorage,
    StorageUrl,
    open_storage,
    parse_storage_url,
    require_conditions,
)
from midiprism.pipeline.missing_songs import MAX_SHARE_MISSING, MIN_SONGS_DOUBTED
from midiprism.results.identity import RequestedIdentity
from midiprism.smf.types import CONTRACT_VERSION
from midiprism.stores.parquet.schema import import_pyarrow


class GenerationProgress(NamedTuple):
    """Progress of a generation.

    Attributes:
        generation: its number.
        songs: that it has.
        pass_name: one of the passes of its plan.
        done: tasks of the pass that have a record.
        tasks: of the pass.
    """

    generation: int
    songs: int
    pass_name: str
    done: int
    tasks: int


_PLAN_POLL_SECONDS = 2.0

ProgressListener = Callable[[GenerationProgress], None]


def ignore(_event: object) -> None:
    """Do nothing: the listener of what nobody listens to."""


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


@dataclass(frozen=True, slots=True)
class RunParts:
    """Parts of a run that tests and engines replace.

    Attributes:
        machine: runs tasks, or this part of them.
        engine: hands tasks out.
        on_progress: called after each task.
        open_storage: opens storage by its URL.
        clock: measures the age of attempts.
        shuffle: brings tasks into the order in which they are tried, so that several runs rarely do the same.
        on_redo: called with a plan by which songs are split again, before that begins.
        contract: version of the split contract that the machines have.
    """

    machine: Machine = field(default_factory=Machine)
    engine: Engine = field(default_factory=LocalEngine)
    on_progress: ProgressListener = ignore
    open_storage: Callable[..., ObjectStorage] = open_storage
    clock: Callable[[], float] = time.monotonic
    shuffle: Callable[[list[int]], None] = random.shuffle
    on_redo: Callable[[Plan], None] = ignore
    contract: int = CONTRACT_VERSION


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
    source, storage = _open_both(source_url, result_url, parts, make_folder=True)
    now = require_conditions(storage)
    finished: list[Plan] = []
    if _has_tasks(storage, parts):
        parts.engine.prepare(storage.url, source.url)
    with temporary_folder(parts.machine.folder) as folder:
        listing = SortedListing(source, folder, containers=options.archives)
        prefixes = options.prefixes or prefixes_for(listing.count)
        result = open_or_create_result(storage, options.identity, prefixes, parts.contract)
        others: list[Plan] = []
        is_ours = False
        while not is_ours:
            if (plan := _open_plan(result)) is not None:
                finished.append(_finish(result, plan, source, parts))
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
                finished.append(_finish(result, plan, source, parts))
            else:
                others.append(plan)  # which is finished first, and may leave less to do
    sweep(result, now)
    return summarize(result, finished, work.gone)


def _has_tasks(storage: ObjectStorage, parts: RunParts) -> bool:
    """Return whether a run will have tasks whatever its source has: it begins or finishes a result."""
    try:
        return _open_plan(open_result(storage, parts.contract)) is not None
    except NoGenerationsError:
        return True


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


def work_on(
    result_url: str, source_url: str, parts: RunParts | None = None, *, wait_seconds: float = 0.0
) -> GenerationSummary | None:
    """Do open tasks of the generation that is planned, until it is committed.

    Any number of processes may do so, on any machines, and be killed.

    Args:
        result_url: of the result.
        source_url: of the songs.
        parts: of the run.
        wait_seconds: how long to wait for a generation to be planned.

    Returns:
        The state of the result; None if no generation was open.

    Raises:
        UsageError: there is no result, or its songs are somewhere else.
        ObjectStorageError: storage cannot be read or written.
        GenerationError: the generation cannot go on, or was stopped.
    """
    parts = parts or RunParts()
    METER.take()
    source, storage = _open_both(source_url, result_url, parts, make_folder=wait_seconds > 0)
    result, plan = _wait_for_plan(storage, parts, wait_seconds)
    if plan is None:
        return None
    require_conditions(storage)
    return summarize(result, [_finish(result, plan, source, parts)], 0)


def _wait_for_plan(
    storage: ObjectStorage, parts: RunParts, seconds: float
) -> tuple[GenerationResult, Plan | None]:
    """Return the result and its open plan; None for that if there was none in time.

    Raises:
        NoGenerationsError: there was no result in time.
        GenerationStoppedError: it was asked to stop.
    """
    end = parts.clock() + seconds
    while True:
        is_over = parts.clock() >= end
        try:
            result = open_result(storage, parts.contract)
        except NoGenerationsError:
            if is_over:
                raise
        else:
            plan = _open_plan(result)
            if plan is not None or is_over:
                return result, plan
        if parts.machine.stop():
            raise GenerationStoppedError
        time.sleep(min(_PLAN_POLL_SECONDS, max(0.0, end - parts.clock())))


def parse_places(source_url: str, result_url: str) -> tuple[StorageUrl, StorageUrl]:
    """Return the places of the songs and of the result.

    Raises:
        UsageError: one contains the other, or a package is missing.
    """
    import_pyarrow()
    songs, place = parse_storage_url(source_url), parse_storage_url(result_url)
    if place.contains(songs) or songs.contains(place):
        raise UsageError(
            f"{place} and {songs} are one within the other: name a place for the result that has no songs."
        )
    return songs, place


def _open_both(
    source_url: str, result_url: str, parts: RunParts, *, make_folder: bool
) -> tuple[ObjectStorage, ObjectStorage]:
    """Return the storage of the source and that of the result."""
    songs, place = parse_places(source_url, result_url)
    return parts.open_storage(str(songs)), parts.open_storage(str(place), make_folder=make_folder)


def _open_plan(result: GenerationResult) -> Plan | None:
    """Return the plan that is not committed; None if there is none."""
    plan = result.newest_plan()
    return None if plan is None or result.is_committed(plan.number) else plan


def _finish(result: GenerationResult, plan: Plan, source: ObjectStorage, parts: RunParts) -> Plan:
    """Do what is left of a generation, and return its plan.

    Raises:
        UsageError: its songs are somewhere else, or an earlier version began it.
    """
    if plan.chunks and plan.contract != result.contract:
        raise OlderPlanError(result.storage.url, plan.number)
    if plan.source != source.url:
        raise UsageError(
            f"Generation {plan.number} of {result.storage.url} is not finished, and its songs are below "
            f"{plan.source}: finish it first."
        )
    generation = OpenGeneration(result, plan, source, parts.machine, parts.clock)
    try:
        if plan.redo:
            parts.on_redo(plan)
        for pass_name in plan.passes:
            _do_pass(generation, pass_name, parts)
        if commit_generation(generation):
            remove_work(result)
    except ObjectMissingError:  # others may have finished it, and tidied up
        if not result.is_committed(plan.number):
            raise
    return plan


def _do_pass(generation: OpenGeneration, pass_name: str, parts: RunParts) -> None:
    total = generation.task_count(pass_name)
    numbers = generation.open_tasks(pass_name)
    parts.shuffle(numbers)
    done = total - len(numbers)

    def report() -> None:
        plan = generation.plan
        parts.on_progress(GenerationProgress(plan.number, plan.song_count, pass_name, done, total))

    report()
    try:
        for _ in parts.engine.map(PassTask(generation, pass_name), numbers):
            done += 1
            report()
    finally:
        generation.release_machine()


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
