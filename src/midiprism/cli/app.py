"""The commands by name."""

from typing import Annotated, Any

import typer

import midiprism
from midiprism.cli.analyze import analyze
from midiprism.cli.audit import audit
from midiprism.cli.bench import strategies
from midiprism.cli.check import check
from midiprism.cli.export import export
from midiprism.cli.inspect import inspect
from midiprism.cli.listing import list_tracks
from midiprism.cli.probe import probe
from midiprism.cli.relocate import relocate
from midiprism.cli.sample import sample
from midiprism.cli.split import split
from midiprism.cli.status import status
from midiprism.cli.undo import undo
from midiprism.cli.upgrade import upgrade
from midiprism.cli.verify import verify

ParsingError: type[Any] = typer.BadParameter.__bases__[0]
"""What Typer raises about arguments; the class has no public name that all its versions share."""

app = typer.Typer(
    help="Split libraries of MIDI songs into single tracks: lossless, stored once, catalogued.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
catalog = typer.Typer(help="Look after a catalogue, and after one that another program began.")
catalog.command("check")(check)
catalog.command("undo")(undo)
catalog.command("upgrade")(upgrade)
bench = typer.Typer(help="Measure what this machine does with your own library.")
bench.command("strategies")(strategies)

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
app.add_typer(catalog, name="catalog")
app.add_typer(bench, name="bench")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"midiprism {midiprism.__version__}")
        raise typer.Exit


@app.callback()
def _midiprism(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Split libraries of MIDI songs into single tracks: lossless, stored once, catalogued."""
