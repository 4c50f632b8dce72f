"""Turn typed errors into a sentence that says what to do on the command line."""

from functools import singledispatch

from midiprism.errors import MidiprismError


@singledispatch
def explain(error: MidiprismError) -> str:
    """Return the message for an error: what happened and, where something helps, which option or command."""
    return str(error)
