"""The state of a result after a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from midiprism.generations.plan import Plan
from midiprism.generations.result import GenerationResult
from midiprism.generations.usage import METER, Usage, total_usage
from midiprism.records.outcomes import FAILED_OUTCOMES


@dataclass(frozen=True, slots=True)
class GenerationSummary:
    """The state of a result after a run.

    Attributes:
        url: of the result.
        generation: newest that is committed; 0 for none.
        songs_planned: songs of the generations that this run finished.
        songs_gone: paths of the source that the result has and that are not there any more.
        outcomes: number of songs by outcome.
        tracks: in the result.
        links: in the result.
        results_skipped: folders below the source that midiprism made, which are never read as sources.
        usage: requests, bytes and processor time of the generations that this run finished, on all machines,
            and of this process.
    """

    url: str
    generation: int
    songs_planned: int
    songs_gone: int
    outcomes: Mapping[str, int]
    tracks: int
    links: int
    results_skipped: Sequence[str]
    usage: Usage

    @property
    def songs_failed(self) -> int:
        """Number of songs that have no tracks because something went wrong."""
        return sum(count for outcome, count in self.outcomes.items() if outcome in FAILED_OUTCOMES)


def summarize(
    result: GenerationResult, finished: Sequence[Plan], gone: int = 0, skipped: Sequence[str] = ()
) -> GenerationSummary:
    """Return the state of a result after a run.

    Args:
        result: of the run.
        finished: the generations that it finished.
        gone: paths that the result has and that are not there any more.
        skipped: folders below the source that midiprism made.

    Raises:
        ObjectStorageError: the result cannot be read.
    """
    manifest = result.newest_manifest()
    manifests = {
        plan.number: manifest if plan.number == manifest.number else result.read_manifest(plan.number)
        for plan in finished
    }
    used = total_usage(usage for it in manifests.values() for usage in it.usage.values())
    return GenerationSummary(
        result.storage.url,
        manifest.number,
        sum(plan.song_count for plan in finished),
        gone,
        manifest.outcomes,
        manifest.rows("tracks"),
        manifest.rows("links"),
        skipped,
        used.plus(METER.take(children=False)),
    )


def summarize_nothing(url: str, skipped: Sequence[str]) -> GenerationSummary:
    """Return the state of a result that was not made, since its source has no songs."""
    return GenerationSummary(url, 0, 0, 0, {}, 0, 0, skipped, METER.take(children=False))
