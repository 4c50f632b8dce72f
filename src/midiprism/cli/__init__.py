"""The command ``midiprism``: one file per command, which parses options, calls the library, prints."""

import io
import os
import sys
import traceback
from collections.abc import Sequence

from midiprism.cli import exit_codes
from midiprism.errors import MidiprismError, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done, 1 something failed, 2 usage, 130 interrupted by Ctrl-C, 143 by SIGTERM.

    Args:
        arguments: without the program's name; None for those of the process.
    """
    from midiprism.cli.app import ExitRequest, ParsingError, app
    from midiprism.cli.interrupt import Terminated
    from midiprism.cli.render.terminal import print_message

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    try:
        command = app(args=given or ["--help"], prog_name="midiprism", standalone_mode=False)
        code = command() if callable(command) else command
    except ParsingError as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "midiprism"
        print_message(f"{error.format_message()} See `{command} --help`.")
        return exit_codes.USAGE
    except MidiprismError as error:
        from midiprism.cli.advice import explain

        print_message(explain(error))
        return exit_codes.USAGE if isinstance(error, UsageError) else exit_codes.FAILED
    except ExitRequest as request:
        return request.exit_code
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.FAILED
    except Terminated:
        return exit_codes.TERMINATED
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - users get a sentence; --verbose adds the traceback
        print_message(
            f"this is a bug: {type(error).__name__}: {error}. Please report it with the output of --verbose."
        )
        if "--verbose" in given:
            traceback.print_exc()
        return exit_codes.FAILED
    if not given:
        return exit_codes.USAGE
    return code if isinstance(code, int) else exit_codes.DONE
