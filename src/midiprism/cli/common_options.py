"""Options that every command takes. They are read before the command is parsed."""

import inspect
import re
from collections.abc import Sequence
from typing import Annotated

import typer

from midiprism.cli.config_file import CONFIG_OPTION, CONFIG_VARIABLE, DEFAULT_CONFIG_FILE
from midiprism.cli.json_log import LOG_JSON_OPTION

_OPTIONS = {
    "verbose": (
        Annotated[
            bool,
            typer.Option("-v", "--verbose", help="Print where in the program an unexpected error occurred."),
        ],
        False,
    ),
    "config": (
        Annotated[
            str | None,
            typer.Option(
                CONFIG_OPTION,
                metavar="FILE",
                help=f"Defaults of options.  [default: ${CONFIG_VARIABLE}, else {DEFAULT_CONFIG_FILE} in the "
                "current folder]",
            ),
        ],
        None,
    ),
    "log_json": (
        Annotated[
            bool,
            typer.Option(
                LOG_JSON_OPTION,
                help="Write messages and progress on standard error as JSON, one object per line.",
            ),
        ],
        False,
    ),
}
_VERBOSE = re.compile(r"--verbose|-[a-z]*v[a-z]*")


def common_parameters() -> list[inspect.Parameter]:
    """Return the options as parameters of a command. One that has an option ``verbose`` keeps its own."""
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _OPTIONS.items()
    ]


def is_verbose(arguments: Sequence[str]) -> bool:
    """Return whether these arguments ask for details of an unexpected error."""
    return any(map(_VERBOSE.fullmatch, arguments))
