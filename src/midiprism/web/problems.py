"""Problems of songs in words."""

from midiprism.catalog.queries.track_lookup import SongProblem


def problem_text(problem: SongProblem) -> str:
    """Return a problem as a sentence."""
    return problem.message if problem.track is None else f"Track {problem.track + 1}: {problem.message}"
