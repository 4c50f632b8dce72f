"""The command ``midiprism``: one small file per command, which parses, wires rooms together, prints."""

import io
import sys
import traceback
from collections.abc import Sequence

from midiprism.errors import MidiprismError, UsageError

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_TERMINATED = 0, 1, 2, 130, 143
"""Exit codes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done, 1 something failed, 2 usage, 130 interrupted by Ctrl-C, 143 by SIGTERM.

    Args:
        arguments: without the program's name; None for those of the process.
    """
    from midiprism.cli.app import ParsingError, app
    from midiprism.cli.interrupt import Terminated
    from midiprism.cli.render.terminal import print_message

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    try:
        code = app(args=given or ["--help"], prog_name="midiprism", standalone_mode=False)
    except ParsingError as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "midiprism"
        print_message(f"{error.format_message()} See `{command} --help`.")
        return EXIT_USAGE
    except UsageError as error:
        print_message(str(error))
        return EXIT_USAGE
    except MidiprismError as error:
        print_message(str(error))
        return EXIT_FAILED
    except Terminated:
        return EXIT_TERMINATED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - people get a sentence, and what a report needs on request
        print_message(f"this is a bug to report, with what --verbose shows: {type(error).__name__}: {error}")
        if "--verbose" in given:
            traceback.print_exc()
        return EXIT_FAILED
    return code if given and isinstance(code, int) else EXIT_DONE if given else EXIT_USAGE
