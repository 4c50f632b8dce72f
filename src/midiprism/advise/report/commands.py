"""What to type to have a run otherwise."""

import os
import shlex
from collections.abc import Mapping
from typing import Any

from midiprism.advise.model.run_facts import TUNABLE_SETTINGS, RunFacts


def commands_for(facts: RunFacts, changes: Mapping[str, Any]) -> tuple[str, ...]:
    """The commands after which a run has these changes, as a shell takes them; none for no change.

    What there is moves to another place; another store or catalogue needs a result of its own, which is put
    beside it.

    Args:
        changes: see ``Strategy.changes``.
    """
    if not changes:
        return ()
    settings = {name: changes[name] for name in TUNABLE_SETTINGS if name in changes}
    place = changes.get("output", changes.get("catalogue"))
    if "store" not in changes and "database" not in changes:
        going_on = _split_command(facts, place or facts.out, (), settings, facts.database_options)
        return (going_on,) if place is None else (_relocate_command(facts, place), going_on)
    suffix, options, database = "", list(facts.identity_options), facts.database_options
    store = changes.get("store", facts.store)
    if "store" in changes:
        suffix += f"-{store}"
    if "database" in changes:
        suffix += "-postgresql" if changes["database"] else "-sqlite"
        database = shlex.join(["--database", changes["database"]]) if changes["database"] else ""
    if store != "files":
        options.append(f"--store={store}")
    return (
        _split_command(facts, f"{(place or facts.out).rstrip(os.sep)}{suffix}", options, settings, database),
    )


def _relocate_command(facts: RunFacts, place: str) -> str:
    return _with_database_options(["midiprism", "relocate", facts.out, place], facts.database_options)


def _split_command(
    facts: RunFacts,
    out: str,
    options: tuple[str, ...] | list[str],
    settings: Mapping[str, int],
    database: str,
) -> str:
    asked = {**facts.requested, **settings}
    named = [f"--{name.replace('_', '-')}={value}" for name, value in asked.items()]
    return _with_database_options(
        ["midiprism", "split", *facts.sources, "-o", out, *facts.split_options, *options, *named], database
    )


def _with_database_options(arguments: list[str], database: str) -> str:
    """With the options that name the catalogue, which are quoted already."""
    return f"{shlex.join(arguments)} {database}".rstrip()
