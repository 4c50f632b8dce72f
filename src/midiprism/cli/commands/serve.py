"""``midiprism serve``: open pages on this machine in which one searches, sees and hears a result."""

import os
import sys
import webbrowser
from typing import Annotated

import typer

from midiprism.cli.options import CatalogOptions, QuietOption, ReadableOutArgument
from midiprism.cli.render.search_text import announce_index
from midiprism.cli.render.terminal import print_message
from midiprism.cli.result_location import locate
from midiprism.optional_packages import MissingPackageError

_DEFAULT_PORT = 8765
_OPEN_TO_OTHERS = (
    "Other machines can reach this server: whoever has the address, with its token, can read the library and "
    "change collections. Browsers play sound only from an address of their own machine: `ssh -L` brings the "
    "port there."
)


def require_web_packages() -> None:
    """Raise MissingPackageError unless a server can be run."""
    from importlib.util import find_spec

    for package in ("starlette", "uvicorn"):
        if find_spec(package) is None:
            raise MissingPackageError(package, "midiprism serve")


def serve(
    out: ReadableOutArgument,
    catalog: CatalogOptions,
    host: Annotated[
        str,
        typer.Option(
            metavar="HOST",
            help="Address to serve at. Any but this machine's own (loopback) lets other machines in, with a "
            "token in the address that is printed.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="N", help="Port to serve at; 0 for any that is free.")
    ] = _DEFAULT_PORT,
    soundfont: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Sound bank (SF2 or SF3) to play with.  [default: one that this system has, else a small "
            "synthesizer in the page]",
        ),
    ] = None,
    open_page: Annotated[
        bool,
        typer.Option(
            "--open/--no-open",
            help="Open the page in a browser, if there is a screen; --no-open does not.",
        ),
    ] = True,
    quiet: QuietOption = False,
) -> None:
    """Serve pages on this machine: search the tracks, see and hear them, take them along, watch a run.

    It only reads the result, also while a run writes to it. Ctrl-C ends it.
    """
    require_web_packages()
    from midiprism.web.served_result import ServedResult
    from midiprism.web.server import serve as serve_pages
    from midiprism.web.settings import ServerSettings
    from midiprism.web.soundbank.find_bank import find_bank
    from midiprism.web.soundbank.sound_bank import SoundBank

    result = locate(out, catalog, quiet=quiet, only_reads=True)
    settings = ServerSettings(host=host, port=port)
    served = ServedResult(result.folder, result.database, lambda: announce_index(quiet=quiet))

    bank = SoundBank(soundfont) if soundfont else find_bank()

    def announce(address: str) -> None:
        if not quiet:
            print_message(f"Serving {result.folder} at {address} (Ctrl-C ends it).", level="info")
            if not settings.is_local:
                print_message(_OPEN_TO_OTHERS)
        if open_page and has_screen():
            webbrowser.open(address)

    serve_pages(served, settings, bank, announce)


def has_screen() -> bool:
    """Return whether a browser has a screen: without one, some would take over the terminal."""
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
