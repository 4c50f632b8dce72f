"""The command ``midiprism``: one file per command, which parses options, calls the library, prints."""

import gc
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from midiprism.cli import exit_codes
from midiprism.cli.interrupt import STOPPED, Terminated, exit_on_signals
from midiprism.cli.streams import StandardOutput, standard_streams
from midiprism.errors import KernelCacheWarning, MidiprismError, UsageError

_GC_THRESHOLD = 20_000
"""New objects after which Python looks for garbage."""

_PLAIN_WORDS = (
    ("Input should be greater than or equal to ", "must be at least "),
    ("Input should be less than or equal to ", "must be at most "),
    ("Input should be greater than ", "must be more than "),
    ("Input should be less than ", "must be less than "),
    ("Input should be a valid integer, unable to parse string as an integer", "must be a whole number"),
    ("Input should be a valid number, unable to parse string as a number", "must be a number"),
)
"""Words of the parser of the command line, and ours."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done, 1 something failed, 2 usage, 130 interrupted by Ctrl-C, 143 by SIGTERM.

    Args:
        arguments: without the program's name; None for those of the process.
    """
    if arguments is None:
        # NumPy loads OpenBLAS, whose threads spin though nothing here uses them. Worker processes inherit
        # this. A program that uses the library keeps its own setting.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        # Modules are many objects and no garbage: looking for some takes a twentieth of the time of a start.
        gc.set_threshold(_GC_THRESHOLD)
    with exit_on_signals() if arguments is None else nullcontext(), standard_streams() as output:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning(warnings.showwarning)
            code = _run([*(sys.argv[1:] if arguments is None else arguments)], output)
        error = output.flush()
        if error is not None and not output.reader_has_gone and code == exit_codes.DONE:
            _print_output_error(error)
            code = exit_codes.FAILED
        return code


def _run(given: list[str], output: StandardOutput) -> int:
    from midiprism.cli.app import ExitRequest, ParsingError, make_app
    from midiprism.cli.common_options import is_verbose
    from midiprism.cli.config_file import add_configured_options
    from midiprism.cli.json_log import LOG_JSON_OPTION, start_json_log
    from midiprism.cli.query_arguments import separate_colon
    from midiprism.cli.render.terminal import print_message

    if LOG_JSON_OPTION in given:
        start_json_log()
    arguments, config_file = given, None
    separate_colon(os.environ)
    try:
        configured = add_configured_options(given, make_app)
        arguments, config_file = configured.arguments, configured.file
        if LOG_JSON_OPTION in arguments:
            start_json_log()
        completes = "_MIDIPRISM_COMPLETE" in os.environ  # a shell asks, without arguments
        command = make_app(given if given or completes else ["--help"])(
            args=arguments or ["--help"], prog_name="midiprism", standalone_mode=False
        )
        code = command() if callable(command) else command
    except ParsingError as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "midiprism"
        message = _as_sentence(error.format_message())
        print_message(f"{message} See `{command} --help`.{_also_from(config_file)}", level="error")
        return exit_codes.USAGE
    except MidiprismError as error:
        from midiprism.cli.advice import explain

        is_usage = isinstance(error, UsageError)
        print_message(explain(error) + (_also_from(config_file) if is_usage else ""), level="error")
        _print_place(error)
        return exit_codes.USAGE if is_usage else exit_codes.FAILED
    except ExitRequest as request:
        return request.exit_code
    except Terminated:
        print_message(STOPPED)
        return exit_codes.TERMINATED
    except KeyboardInterrupt:
        print_message(STOPPED)
        return exit_codes.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - users get a sentence; --verbose adds the traceback
        return _report(error, output, verbose=is_verbose(arguments))
    if not given:
        return exit_codes.USAGE
    return code if isinstance(code, int) else exit_codes.DONE


def _print_place(error: MidiprismError) -> None:
    """Print the place of an error in a query, if it has one."""
    from midiprism.cli.render.search_text import print_place
    from midiprism.search.errors import QueryError

    if isinstance(error, QueryError):
        print_place(error)


def _as_sentence(message: str) -> str:
    """Return a message of the parser of the command line in the form of ours."""
    for theirs, ours in _PLAIN_WORDS:
        message = message.replace(theirs, ours)
    message = message.rstrip(".")
    return message if message.endswith("?") else f"{message}."


def _also_from(config_file: str | None) -> str:
    """Return a sentence that names a file from which options were taken; nothing for None."""
    return "" if config_file is None else f" Options were also taken from {config_file}."


def _report(error: Exception, output: StandardOutput, *, verbose: bool) -> int:
    """Print what happened, and return the exit code."""
    from midiprism.cli.render.terminal import print_message
    from midiprism.cli.system_errors import explain_system_error

    if output.error is not None or isinstance(error, BlockingIOError):
        _print_output_error(output.error or error)
        return exit_codes.FAILED
    explained = explain_system_error(error)
    if explained is not None:
        message, code = explained
        print_message(message, level="error")
        return code
    print_message(
        f"this is a bug: {type(error).__name__}: {error}. Please report it with the output of --verbose.",
        level="error",
    )
    if verbose:
        sys.stderr.write(traceback.format_exc())
    return exit_codes.FAILED


def _print_output_error(error: Exception) -> None:
    from midiprism.cli.render.terminal import print_message

    print_message(
        f"Standard output cannot be written: {getattr(error, 'strerror', None) or error}.", level="error"
    )


def _show_warning(show: Callable[..., None]) -> Callable[..., None]:
    """Return a function that prints our warnings as messages, and lets ``show`` show others."""

    def show_or_print(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
        from midiprism.cli.render.terminal import print_message

        if issubclass(category, KernelCacheWarning):
            print_message(str(message))
        else:
            show(message, category, *place, **options)

    return show_or_print
