"""Build the commands that apply changes to a run."""

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from midiprism.advise.model.run_facts import TUNABLE_NAMES, RunFacts, TunableName


def commands_for(facts: RunFacts, changes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the commands that apply changes, quoted for a shell; empty for no change.

    A result moves to another disk; another store or catalog needs a new result, in a folder next to the old
    one.

    Args:
        facts: the settings of the run.
        changes: see ``Strategy.changes``.
    """
    if not changes:
        return ()
    settings: dict[TunableName, int] = {name: changes[name] for name in TUNABLE_NAMES if name in changes}
    folder = changes.get("output", changes.get("catalog"))
    if "store" not in changes and "database" not in changes:
        resume = _split_command(facts, folder or facts.out, (), settings, facts.database_options)
        return (resume,) if folder is None else (_relocate_command(facts, folder), resume)
    suffix, options, database = "", list(facts.identity_options), facts.database_options
    store = changes.get("store", facts.store)
    if "store" in changes:
        suffix += f"-{store}"
    if "database" in changes:
        suffix += "-postgresql" if changes["database"] else "-sqlite"
        database = shlex.join(["--database", changes["database"]]) if changes["database"] else ""
    if store != "files":
        options.append(f"--store={store}")
    out = f"{(folder or facts.out).rstrip(os.sep)}{suffix}"
    return (_split_command(facts, out, options, settings, database),)


def _relocate_command(facts: RunFacts, folder: str) -> str:
    return _with_database_options(["midiprism", "relocate", facts.out, folder], facts.database_options)


def _split_command(
    facts: RunFacts,
    out: str,
    options: Sequence[str],
    settings: Mapping[TunableName, int],
    database: str,
) -> str:
    tunables = {**facts.requested, **settings}
    setting_options = [f"--{name.replace('_', '-')}={value}" for name, value in tunables.items()]
    return _with_database_options(
        ["midiprism", "split", *facts.sources, "-o", out, *facts.split_options, *options, *setting_options],
        database,
    )


def _with_database_options(arguments: list[str], database: str) -> str:
    """Return a command with the options that name the catalog, which are quoted already."""
    return f"{shlex.join(arguments)} {database}".rstrip()
