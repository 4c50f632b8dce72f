"""Register the commands under their names. A command is loaded if it is the one to run."""

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

import midiprism
from midiprism.cli.common_options import common_parameters
from midiprism.cli.option_groups import expand_option_groups
from midiprism.cli.query_arguments import QueryCommand

ParsingError: type[Any] = typer.BadParameter.__bases__[0]
"""The exception that Typer raises about arguments; not all versions of Typer export it by one name."""

ExitRequest = typer.Exit
"""The exception by which a command ends early."""

_HELP = "Split libraries of MIDI songs into single tracks: lossless, stored once, cataloged."

_HELP_OPTIONS = ["-h", "--help"]

_COMMANDS = {
    "split": ("split", "Split songs into one MIDI file per playing track, stored once, with a catalog."),
    "publish": (
        "publish",
        "Publish the tracks, links and songs of a result in object storage as tables for other programs.",
    ),
    "groups": (
        "groups",
        "Make the groups and folds of the songs of a result in object storage, and find their keys.",
    ),
    "work": ("work", "Do open tasks of a run into object storage until it is committed."),
    "sweep": ("sweep", "Remove what killed processes left in a result in object storage."),
    "status": (
        "status",
        "Show what a result holds, how far its run is, what failed and why, and what is left.",
    ),
    "analyze": (
        "analyze",
        (
            "Report on a run, active or finished: its progress, what it uses, what limits it, which "
            "strategies would make it faster and by how much, and the commands for them."
        ),
    ),
    "verify": (
        "verify",
        "Check that every track has its file, every file its track, and every song its links.",
    ),
    "audit": ("audit", "Compare the tracks that another program split with the songs they were made from."),
    "list": (
        "list_tracks",
        "List the tracks that a query finds, with their songs, ordered by the songs' paths.",
    ),
    "serve": (
        "serve",
        "Serve pages on this machine: search the tracks, see and hear them, take them along, watch a run.",
    ),
    "export": (
        "export",
        "Write a tree of the tracks, or of those that a query finds, under names of your choice.",
    ),
    "forget": ("forget", "Remove songs from a result, with the tracks that no other song has."),
    "duplicates": (
        "duplicates",
        "List songs that are at several paths, and tracks that several songs have: exact copies.",
    ),
    "features": (
        "features",
        "Compute what tracks and songs lack: facts such as key, tempo and role, and fingerprints.",
    ),
    "similar": (
        "similar",
        "Find the tracks that have the music of an example, in any key and tempo, the best first.",
    ),
    "inspect": (
        "inspect",
        "Show what is in a MIDI file: tracks, tempi, meters, keys, and what is wrong with it.",
    ),
    "relocate": (
        "relocate",
        "Move a result to another folder, for example on another drive. No run may be active.",
    ),
    "sample": (
        "sample",
        "Write sample songs: several tracks each, names in several encodings, sizes like real libraries.",
    ),
    "probe": ("probe", "Measure how fast disks and memory do what a run does there, and rank them."),
}
"""Functions and summaries by the names of their commands; the module of each has the name of the command.

The help of the program shows the summaries without loading the commands.
"""

_GROUPS = {
    "catalog": (
        "Maintain a catalog, or check and undo the adoption of a library.",
        {"check": "check", "undo": "undo", "upgrade": "upgrade", "rebind": "rebind"},
    ),
    "bench": ("Measure this machine with your own library.", {"strategies": "strategies"}),
}
"""Help and functions of the commands that belong to another one."""


def make_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return the command line with the command that ``arguments`` begin with; else with all commands.

    Where they begin with ``--help``, these have their summaries only.
    """
    app = typer.Typer(
        help=_HELP,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": _HELP_OPTIONS},
    )
    app.callback(help=_HELP)(_main_options)
    name = arguments[0] if arguments else ""
    shows_summaries = name in _HELP_OPTIONS
    is_known = name in _COMMANDS or name in _GROUPS
    if shows_summaries:
        for command, (_, summary) in _COMMANDS.items():
            app.command(command, help=summary)(_do_nothing)
    elif not is_known or name in _COMMANDS:
        chosen = {name: _COMMANDS[name]} if is_known else _COMMANDS
        _register(app, {command: function for command, (function, _) in chosen.items()})
    for group, (help_text, commands) in _GROUPS.items():
        if group == name or not is_known:
            group_app = typer.Typer(help=help_text)
            if shows_summaries:
                group_app.callback()(_do_nothing)
            else:
                _register(group_app, commands)
            app.add_typer(group_app, name=group)
    return app


def _do_nothing() -> None:
    """Stand for a command whose summary alone is shown."""


def _register(app: typer.Typer, commands: Mapping[str, str]) -> None:
    for name, function in commands.items():
        module = import_module(f"midiprism.cli.commands.{name}")
        expanded = expand_option_groups(getattr(module, function), common_parameters())
        has_query = "query" in inspect.signature(expanded).parameters
        app.command(name, cls=QueryCommand if has_query else None)(expanded)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"midiprism {midiprism.__version__}")
        raise typer.Exit


def _main_options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Handle the options that come before a command."""
