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

_COMMANDS = {
    "split": "split",
    "status": "status",
    "analyze": "analyze",
    "verify": "verify",
    "audit": "audit",
    "list": "list_tracks",
    "serve": "serve",
    "export": "export",
    "forget": "forget",
    "duplicates": "duplicates",
    "features": "features",
    "similar": "similar",
    "inspect": "inspect",
    "relocate": "relocate",
    "sample": "sample",
    "probe": "probe",
}
"""Functions by the names of their commands; the module of each has the name of the command."""

_GROUPS = {
    "catalog": (
        "Maintain a catalog, or check and undo the adoption of a library.",
        {"check": "check", "undo": "undo", "upgrade": "upgrade", "rebind": "rebind"},
    ),
    "bench": ("Measure this machine with your own library.", {"strategies": "strategies"}),
}
"""Help and functions of the commands that belong to another one."""


def make_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return the command line with the command that ``arguments`` begin with; else with all commands."""
    app = typer.Typer(
        help=_HELP,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help=_HELP)(_main_options)
    name = arguments[0] if arguments else ""
    is_known = name in _COMMANDS or name in _GROUPS
    _register(app, {name: _COMMANDS[name]} if name in _COMMANDS else {} if is_known else _COMMANDS)
    for group, (help_text, commands) in _GROUPS.items():
        if group == name or not is_known:
            group_app = typer.Typer(help=help_text)
            _register(group_app, commands)
            app.add_typer(group_app, name=group)
    return app


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
