"""``midiprism inspect``: show what is in one MIDI file."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from midiprism.cli.commands.split_options import EncodingOption
from midiprism.cli.option_values import parse_size
from midiprism.cli.options import MaxSongSizeOption, QuietOption, parse_path
from midiprism.cli.render.inspection_json import print_inspection_json
from midiprism.cli.render.inspection_text import print_inspection
from midiprism.cli.shell import compile_or_exit
from midiprism.errors import CorruptMidiError, MidiprismError, UsageError

if TYPE_CHECKING:
    from midiprism.smf import Inspection


def inspect(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", parser=parse_path, help="MIDI file, optionally compressed with gzip."),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as one JSON object; numbers count from 0 there.")
    ] = False,
    encoding: EncodingOption = None,
    max_song_size: MaxSongSizeOption = None,
    quiet: QuietOption = False,
) -> None:
    """Show what is in a MIDI file: tracks, tempi, meters, keys, and what is wrong with it.

    Tracks and channels are counted from 1, as musicians do.
    """
    inspection = _inspect_file(file, max_song_size, encoding, quiet=quiet)
    if as_json:
        print_inspection_json(file, inspection)
    else:
        print_inspection(file, inspection)


def _inspect_file(file: str, max_song_size: str | None, encoding: str | None, *, quiet: bool) -> "Inspection":
    from midiprism.smf import Limits, inspect
    from midiprism.sources.folder import read_file
    from midiprism.sources.source import UnreadableError

    if os.path.isdir(file):
        raise UsageError(f"{file} is a folder: name one MIDI file.")
    limits = Limits()
    if max_song_size is not None:
        from midiprism.smf.types import MAX_SONG_BYTES

        limits = Limits(parse_size("--max-song-size", max_song_size, 1, MAX_SONG_BYTES))
    try:
        data = read_file(os.fsencode(file), limits.input_bytes).data
        if data is None:
            raise MidiprismError(
                f"{file}: The song has more than {limits.input_bytes:,} bytes: --max-song-size SIZE "
                "allows more."
            )
        compile_or_exit(quiet=quiet)
        return inspect(data, limits=limits, encoding=encoding)
    except UnreadableError as error:
        raise MidiprismError(f"{file}: {error}") from error
    except CorruptMidiError as error:
        raise MidiprismError(f"{file}: {error} ({error.code}, at byte {error.offset:,})") from error
