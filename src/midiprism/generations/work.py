"""Works on a generation that another process has planned."""

import time

from midiprism.generations.errors import GenerationStoppedError, NoGenerationsError
from midiprism.generations.finish import finish, finish_without_source, open_plan
from midiprism.generations.plan import Plan
from midiprism.generations.result import GenerationResult, open_result
from midiprism.generations.run_parts import RunParts, parse_places
from midiprism.generations.summary import GenerationSummary, summarize
from midiprism.generations.usage import METER
from midiprism.objects import ObjectMissingError, ObjectStorage, require_conditions

_PLAN_POLL_SECONDS = 2.0


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
    songs, place = parse_places(source_url, result_url)
    try:
        source = parts.open_storage(str(songs))
    except ObjectMissingError:
        summary = finish_without_source(songs, place, parts)
        if summary is None:
            raise
        return summary
    storage = parts.open_storage(str(place), make_folder=wait_seconds > 0)
    result, plan = _wait_for_plan(storage, parts, wait_seconds)
    if plan is None:
        return None
    require_conditions(storage)
    return summarize(result, [finish(result, plan, source, parts)])


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
            plan = open_plan(result)
            if plan is not None or is_over:
                return result, plan
        if parts.machine.stop():
            raise GenerationStoppedError
        time.sleep(min(_PLAN_POLL_SECONDS, max(0.0, end - parts.clock())))
