"""Where a result is that may have been relocated."""

from midiprism.cli.terminal import complain


def followed(out: str, *, quiet: bool = False) -> str:
    """The folder that holds the result that is, or was, in ``out``; people are told where it is another.

    Raises:
        UsageError: it is not where it went, or still on its way to ``out``.
    """
    from midiprism.run.result import place_of_result

    place = place_of_result(out)
    if place != out and not quiet:
        complain(f"{out} was relocated: going on in {place}.")
    return place
