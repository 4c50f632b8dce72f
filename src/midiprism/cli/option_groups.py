"""Let a command take groups of options as one parameter, which Typer itself does not support.

Typer only parses: it returns the command with its options, which ``midiprism.cli.main`` then runs.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

Command = Callable[..., int | None]
ParsedCommand = functools.partial[int | None]
"""A command with the values of all its parameters."""


def expand_option_groups(command: Command) -> Callable[..., ParsedCommand]:
    """Return a function that takes the options of a command, and returns the command with its parameters.

    Each parameter of the command that is a group of options is replaced by these options.

    A group is a dataclass, each field of which is annotated as an option of Typer's, or a class with a method
    ``option_parameters``. Typer reads the signature of the returned function.
    """
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, tuple[Any, list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        options = _options_of(parameter.annotation)
        if options is None:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        else:
            groups[parameter.name] = parameter.annotation, [option.name for option in options]
            parameters += options

    @functools.wraps(command)
    def expanded(**values: Any) -> ParsedCommand:
        for name, (group, options) in groups.items():
            values[name] = group(**{option: values.pop(option) for option in options})
        return functools.partial(command, **values)

    expanded.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return expanded


def _options_of(annotation: Any) -> list[inspect.Parameter] | None:
    """Return the options of a group; None for anything else."""
    if hasattr(annotation, "option_parameters"):
        options: list[inspect.Parameter] = annotation.option_parameters()
        return options
    return [*map(_as_parameter, fields(annotation))] if is_dataclass(annotation) else None


def _as_parameter(field: Field[Any]) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.type
    )
