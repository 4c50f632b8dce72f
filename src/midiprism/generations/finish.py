"""Finishes a generation that is planned: its passes, one after the other, and its commit."""

from midiprism.generations.commit import commit_generation
from midiprism.generations.errors import OlderPlanError, UnfinishedError
from midiprism.generations.open_generation import OpenGeneration
from midiprism.generations.pass_task import PassTask
from midiprism.generations.plan import Plan
from midiprism.generations.result import GenerationResult, find_result
from midiprism.generations.run_parts import GenerationProgress, RunParts
from midiprism.generations.summary import GenerationSummary, summarize
from midiprism.generations.sweep import remove_work
from midiprism.objects import ObjectMissingError, ObjectStorage, StorageUrl, require_conditions


def finish_without_source(songs: StorageUrl, place: StorageUrl, parts: RunParts) -> GenerationSummary | None:
    """Finish the open generation of a result, if there is one whose songs are all read, and return its state.

    Raises:
        UnfinishedError: songs are still to be read, from the source that is missing.
    """
    try:
        storage = parts.open_storage(str(place))
    except ObjectMissingError:
        return None
    result = find_result(storage, parts.contract)
    if result is None or (plan := open_plan(result)) is None:
        return None
    require_conditions(storage)
    try:
        return summarize(result, [finish(result, plan, None, parts)])
    except UnfinishedError:
        if plan.source == str(songs):
            raise
        return None


def open_plan(result: GenerationResult) -> Plan | None:
    """Return the plan that is not committed; None if there is none."""
    plan = result.newest_plan()
    return None if plan is None or result.is_committed(plan.number) else plan


def finish(result: GenerationResult, plan: Plan, source: ObjectStorage | None, parts: RunParts) -> Plan:
    """Do what is left of a generation, and return its plan.

    Args:
        source: of the songs; None, or another source than the plan's, once all songs are read.

    Raises:
        UnfinishedError: songs are still to be read, and they are somewhere else.
        OlderPlanError: an earlier version began it.
    """
    if plan.chunks and plan.contract != result.contract:
        raise OlderPlanError(result.storage.url, plan.number)
    is_known = source is not None and source.url == plan.source
    generation = OpenGeneration(result, plan, source if is_known else None, parts.machine, parts.clock)
    if not is_known and generation.open_tasks("a"):
        if result.is_committed(plan.number):  # meanwhile, and its records are removed
            return plan
        raise UnfinishedError(result.storage.url, plan.number, plan.source)
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
