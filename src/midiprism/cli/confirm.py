"""Asking before something that cannot simply be done again."""

import sys

import typer

from midiprism.cli import EXIT_FAILED
from midiprism.errors import UsageError


def require_confirmation(question: str, *, yes: bool) -> None:
    """Go on only if a person agrees, or has agreed by ``--yes``."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("It asks before it goes on, and nobody can answer here: add --yes.")
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
    if not agreed:
        raise typer.Exit(EXIT_FAILED)
