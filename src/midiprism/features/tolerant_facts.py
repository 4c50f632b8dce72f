"""Facts of tracks, where a defect in computing them costs no more than the facts of one track."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from midiprism.errors import MidiprismError
from midiprism.features.facts_version import FACTS_VERSION

Facts = Mapping[str, Sequence[Any]]

FactsFunction = Callable[[Sequence[bytes], Sequence[str]], Facts]
"""Returns a column for each fact of tracks, from their bytes and instrument families."""


def compute_or_omit(compute: FactsFunction, tracks: Sequence[bytes], families: Sequence[str]) -> Facts:
    """Return a column for each fact of tracks. A track on whose facts midiprism itself fails has none.

    Its version is stated all the same, so that nobody computes its facts again before there is another one.

    Raises:
        MidiprismError: something that is not about a track.
        MemoryError: there is too little for one track, which the next attempt may not meet.
    """
    try:
        return compute(tracks, families)
    except MidiprismError:
        raise
    except Exception as error:
        if len(tracks) > 1:
            parts = [compute_or_omit(compute, *it) for it in zip(_each(tracks), _each(families), strict=True)]
            return {name: [value for part in parts for value in part[name]] for name in parts[0]}
        if isinstance(error, MemoryError) or not tracks:
            raise
        return {name: [None] for name in compute((), ())} | {"facts_version": [FACTS_VERSION]}


def _each(values: Sequence[Any]) -> list[Sequence[Any]]:
    return [values[at : at + 1] for at in range(len(values))]
