"""Ask before doing what cannot simply be repeated."""

import sys

import typer

from midiprism.cli import exit_codes
from midiprism.errors import UsageError


def require_confirmation(question: str, *, yes: bool) -> None:
    """Return only if a person agrees, or has agreed by ``--yes``.

    Raises:
        UsageError: there is no terminal to ask on.
        typer.Exit: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("This needs a confirmation, and there is no terminal to ask on: add --yes.")
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
    if not agreed:
        raise typer.Exit(exit_codes.FAILED)
