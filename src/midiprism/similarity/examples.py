"""Search by example: the tracks of a collection that have the music of a line, and where."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from midiprism.similarity.fingerprints import Fingerprinter, Lines
from midiprism.similarity.kernel.align import (
    ALIGN_ROW,
    BY_INTERVALS,
    BY_NOTES,
    BY_RHYTHM,
    MATCH,
    RHYTHM_BONUS,
    RIGHT,
    align_kernel,
)
from midiprism.similarity.kernel.tables import LINE_ROW, UNITS_PER_QUARTER
from midiprism.similarity.segment import Segment
from midiprism.similarity.types import FoundTrack, Rule

_RULES: dict[Rule, int] = {"notes": BY_NOTES, "exact": BY_INTERVALS, "rhythm": BY_RHYTHM}

MAX_EXAMPLE_GROUPS = 512
"""Groups of an example that are aligned; of a longer one the first."""

_MAX_CELLS = 1_500_000
_MIN_CANDIDATES = 20
_MAX_CANDIDATES = 150
_MAX_POSTINGS = 400_000
"""Postings that are read in all, of the rarest phrases first; bounds the time."""


class _Candidate(NamedTuple):
    segment: Segment
    row: int


def find_similar(
    segments: Sequence[Segment],
    example: Lines,
    limit: int,
    *,
    rule: Rule = "notes",
    timed: bool = True,
    min_score: float = 0.0,
) -> list[FoundTrack]:
    """Return the tracks that have the music of an example, the best first.

    Candidates are the tracks with the most, and the rarest, of its phrases; by rhythm alone, all tracks.

    Args:
        segments: of the collection.
        example: one line.
        limit: most tracks to return.
        rule: whether notes may differ (``notes``), every interval has to be that of the example (``exact``),
            or only the rhythm counts (``rhythm``).
        timed: whether the example has a rhythm.
        min_score: of a track that is returned.
    """
    example = _first_groups(example, MAX_EXAMPLE_GROUPS)
    if rule == "rhythm":
        chosen = _all_tracks(segments, int(example.drums[0]))
    else:
        chosen = iter([_candidates(segments, example)])
    found = [it for candidates in chosen for it in _aligned(candidates, example, limit, rule, timed=timed)]
    found = [match for match in found if match.score >= max(min_score, 1e-9)]
    found.sort(key=lambda match: match.rank)
    return found[:limit]


def _first_groups(line: Lines, limit: int) -> Lines:
    stop = min(limit, len(line.gaps))
    return Lines(np.array([0, stop], np.int64), line.gaps[:stop], line.pitches[:stop], line.drums)


def _candidates(segments: Sequence[Segment], example: Lines) -> list[_Candidate]:
    phrases = np.sort(Fingerprinter().phrases(example).phrases)
    if not segments:
        return []
    postings = [segment.postings(phrases) for segment in segments]
    totals: Any = np.sum([counts for _, counts in postings], axis=0, dtype=np.int64)
    order = np.argsort(totals, kind="stable")
    wanted = order[np.cumsum(totals[order]) - totals[order] < _MAX_POSTINGS]
    weights = np.log((sum(map(len, segments)) + 1) / (totals + 0.5))[wanted]
    found = [
        _best_of(segment, firsts[wanted], counts[wanted], weights)
        for segment, (firsts, counts) in zip(segments, postings, strict=True)
    ]
    sums = np.concatenate([of_segment for _, of_segment in found])
    best = np.argsort(-sums, kind="stable")[:_MAX_CANDIDATES]
    rows = np.concatenate([of_segment for of_segment, _ in found])[best]
    places = np.repeat(np.arange(len(segments)), [len(of_segment) for of_segment, _ in found])[best]
    return [
        _Candidate(segments[place], row) for place, row in zip(places.tolist(), rows.tolist(), strict=True)
    ]


def _best_of(segment: Segment, firsts: Any, counts: Any, weights: Any) -> tuple[Any, Any]:
    """Return the rows of the tracks of a segment with the greatest sums of weights, and these sums."""
    rows = segment.posted_rows(firsts, counts)
    sums = np.bincount(rows, np.repeat(weights, counts), minlength=len(segment))
    found = np.flatnonzero(sums > 0)
    if len(found) > _MAX_CANDIDATES:
        found = np.sort(found[np.argpartition(-sums[found], _MAX_CANDIDATES)[:_MAX_CANDIDATES]])
    return found, sums[found]


def _all_tracks(segments: Sequence[Segment], drums: int) -> Iterator[list[_Candidate]]:
    for segment in segments:
        rows = np.flatnonzero(segment.lines.drums == drums).tolist()
        yield [_Candidate(segment, row) for row in rows]


def _aligned(
    candidates: Sequence[_Candidate], example: Lines, limit: int, rule: Rule, *, timed: bool
) -> Iterator[FoundTrack]:
    """Yield the best ``limit`` matches of an example, and those with the same score as the last of them."""
    lines = [_line_of(candidate) for candidate in candidates]
    if rule != "rhythm":
        cells = np.cumsum([len(gaps) * len(example.gaps) for gaps, _ in lines])
        lines = lines[: max(_MIN_CANDIDATES, int(np.searchsorted(cells, _MAX_CELLS)))]
    starts = np.cumsum([0, len(example.gaps), *(len(gaps) for gaps, _ in lines)])
    gaps = np.concatenate([example.gaps, *(gaps for gaps, _ in lines)])
    pitches = np.concatenate([example.pitches, *(pitches for _, pitches in lines)])
    drums = [int(candidate.segment.lines.drums[candidate.row]) for candidate in candidates[: len(lines)]]
    flags = np.array([int(example.drums[0]), *drums], np.uint8)
    matches, tables = np.zeros(len(lines) + 1, MATCH), np.zeros(2, LINE_ROW)
    align_kernel(
        starts, gaps, pitches, flags, _RULES[rule], int(timed), matches, tables, np.zeros(1, ALIGN_ROW)
    )
    own = _best_score(len(example.gaps), rule, timed=timed)
    onsets = _onsets(gaps, starts)
    scores = matches["score"][1:]
    least = max(1, np.partition(scores, -limit)[-limit] if limit < len(scores) else 1)
    for index in np.flatnonzero(scores >= least).tolist():
        start = int(starts[index + 1])
        yield _found(candidates[index], matches[index + 1], start, onsets, pitches, own, timed=timed)


def _line_of(candidate: _Candidate) -> tuple[Any, Any]:
    lines = candidate.segment.lines
    span = slice(int(lines.starts[candidate.row]), int(lines.starts[candidate.row + 1]))
    return lines.gaps[span], lines.pitches[span]


def _best_score(groups: int, rule: Rule, *, timed: bool) -> int:
    """Return the score of an example in itself. The first of its steps has no rhythm."""
    steps = max(1, groups - 1)
    rhythms = max(0, groups - 2) if timed else 0
    return (
        max(1, (RIGHT + RHYTHM_BONUS) * rhythms)
        if rule == "rhythm"
        else RIGHT * steps + RHYTHM_BONUS * rhythms
    )


def _onsets(gaps: Any, starts: Any) -> Any:
    """Return the onset of each group from the start of its own line."""
    sums = np.cumsum(gaps, dtype=np.int64)
    before = np.concatenate([np.zeros(1, np.int64), sums])[starts[:-1]]
    return sums - np.repeat(before, np.diff(starts))


def _found(
    candidate: _Candidate, match: Any, start: int, onsets: Any, pitches: Any, own: int, *, timed: bool
) -> FoundTrack:
    first, last = start + int(match["first"]), start + int(match["last"])
    example_first, example_last = int(match["example_first"]), int(match["example_last"])
    units = int(onsets[last] - onsets[first])
    example_units = int(onsets[example_last] - onsets[example_first])
    is_drums = bool(candidate.segment.lines.drums[candidate.row])
    return FoundTrack(
        int(candidate.segment.ids[candidate.row]),
        int(candidate.segment.digests[candidate.row]),
        round(min(1.0, int(match["score"]) / own), 4),
        round(int(onsets[first]) / UNITS_PER_QUARTER, 3),
        round(units / UNITS_PER_QUARTER, 3),
        0 if is_drums else int(pitches[last]) - int(pitches[example_last]),
        round(units / example_units, 4) if timed and example_units > 0 else None,
        round(int(onsets[example_first]) / UNITS_PER_QUARTER, 3) if timed else 0.0,
    )
