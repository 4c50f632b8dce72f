"""Where a result is that may have been relocated."""

from midiprism.cli.render.terminal import print_message


def follow_relocation(out: str, *, quiet: bool = False) -> str:
    """The folder that holds the result that is, or was, in ``out``; people are told where it is another.

    Raises:
        UsageError: it is not where it went, or still on its way to ``out``.
    """
    from midiprism.results.result_dir import locate_result

    place = locate_result(out)
    if place != out and not quiet:
        print_message(f"{out} was relocated: going on in {place}.")
    return place
