"""The commands by name."""

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

ParsingError: type[Any] = typer.BadParameter.__bases__[0]
"""What Typer raises about arguments; the class has no public name that all its versions share."""

app = typer.Typer(
    help="Split libraries of MIDI songs into single tracks: lossless, stored once, catalogued.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
catalog_app = typer.Typer(help="Look after a catalogue, and after one that another program began.")
catalog_app.command("check")(check)
catalog_app.command("undo")(undo)
catalog_app.command("upgrade")(upgrade)
bench_app = typer.Typer(help="Measure what this machine does with your own library.")
bench_app.command("strategies")(strategies)

app.command("split")(split)
app.command("status")(status)
app.command("analyze")(analyze)
app.command("verify")(verify)
app.command("audit")(audit)
app.command("list")(list_tracks)
app.command("export")(export)
app.command("inspect")(inspect)
app.command("relocate")(relocate)
app.command("sample")(sample)
app.command("probe")(probe)
app.add_typer(catalog_app, name="catalog")
app.add_typer(bench_app, name="bench")


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"midiprism {midiprism.__version__}")
        raise typer.Exit


@app.callback()
def _main_options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Split libraries of MIDI songs into single tracks: lossless, stored once, catalogued."""
