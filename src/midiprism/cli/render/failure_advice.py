"""Advice about songs that failed, by the code of the problem."""

_ADVICE = {"song_size": "--retry-failed --max-song-size SIZE splits larger songs"}


def failure_advice(code: str) -> str | None:
    """Return what helps songs with this problem, as a clause that names options; None if nothing does."""
    return _ADVICE.get(code)
