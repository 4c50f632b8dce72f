"""Register the commands under their names."""

from typing import Annotated, Any

import typer

import midiprism
from midiprism.cli.commands.analyze import analyze
from midiprism.cli.commands.audit import audit
from midiprism.cli.commands.bench import strategies
from midiprism.cli.commands.check import check
from midiprism.cli.commands.export import export
from midiprism.cli.commands.inspect import inspect
from midiprism.cli.commands.list import list_tracks
from midiprism.cli.commands.probe import probe
from midiprism.cli.commands.relocate import relocate
from midiprism.cli.commands.sample import sample
from midiprism.cli.commands.split import split
from midiprism.cli.commands.status import status
from midiprism.cli.commands.undo import undo
from midiprism.cli.commands.upgrade import upgrade
from midiprism.cli.commands.verify import verify
from midiprism.cli.option_groups import Command, expand_option_groups

ParsingError: type[Any] = typer.BadParameter.__bases__[0]
"""The exception that Typer raises about arguments; not all versions of Typer export it by one name."""

ExitRequest = typer.Exit
"""The exception by which a command ends early."""

_HELP = "Split libraries of MIDI songs into single tracks: lossless, stored once, cataloged."

app = typer.Typer(
    help=_HELP,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
catalog_app = typer.Typer(help="Maintain a catalog, or check and undo the adoption of a library.")
bench_app = typer.Typer(help="Measure this machine with your own library.")

_COMMANDS: dict[str, Command] = {
    "split": split,
    "status": status,
    "analyze": analyze,
    "verify": verify,
    "audit": audit,
    "list": list_tracks,
    "export": export,
    "inspect": inspect,
    "relocate": relocate,
    "sample": sample,
    "probe": probe,
}
_CATALOG_COMMANDS: dict[str, Command] = {"check": check, "undo": undo, "upgrade": upgrade}

for _name, _command in _COMMANDS.items():
    app.command(_name)(expand_option_groups(_command))
for _name, _command in _CATALOG_COMMANDS.items():
    catalog_app.command(_name)(expand_option_groups(_command))
bench_app.command("strategies")(expand_option_groups(strategies))
app.add_typer(catalog_app, name="catalog")
app.add_typer(bench_app, name="bench")


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"midiprism {midiprism.__version__}")
        raise typer.Exit


@app.callback(help=_HELP)
def _main_options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Handle the options that come before a command."""
