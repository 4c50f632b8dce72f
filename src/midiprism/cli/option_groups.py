"""Let a command take groups of options as one parameter, which Typer itself does not support.

Typer only parses: it returns the command with its options, which ``midiprism.cli.main`` then runs.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_args

from typer.models import ArgumentInfo

from midiprism.errors import UsageError

LARGEST_NUMBER = 10**12
"""Largest value of a number without a bound of its own: databases and clocks take no numbers of any size."""

Command = Callable[..., int | None]
ParsedCommand = functools.partial[int | None]
"""A command with the values of all its parameters."""


def expand_option_groups(
    command: Command, common: Sequence[inspect.Parameter] = ()
) -> Callable[..., ParsedCommand]:
    """Return a function that takes the options of a command, and returns the command with its parameters.

    Each parameter of the command that is a group of options is replaced by these options.

    Args:
        command: the command.
        common: options that the function takes too, and that the command does not get.

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
    declared = {parameter.name for parameter in parameters}
    added = [parameter for parameter in common if parameter.name not in declared]
    parameters += added
    unbounded = {
        parameter.name: _name_for_users(parameter)
        for parameter in parameters
        if _is_unbounded(parameter.annotation)
    }

    @functools.wraps(command)
    def expanded(**values: Any) -> ParsedCommand:
        for parameter in added:
            del values[parameter.name]
        for name, shown_name in unbounded.items():
            _check_number(shown_name, values[name])
        for name, (group, options) in groups.items():
            values[name] = group(**{option: values.pop(option) for option in options})
        return functools.partial(command, **values)

    expanded.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return expanded


def _is_unbounded(annotation: Any) -> bool:
    """Return whether a parameter is a number whose option declares no maximum."""
    kind, *metadata = get_args(annotation) or (annotation,)
    is_number = {int, float} & {kind, *get_args(kind)}
    return bool(is_number) and all(getattr(option, "max", None) is None for option in metadata)


def _check_number(name: str, value: float | None) -> None:
    if value is not None and not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        raise UsageError(f"{name} {value} is too large: the largest number is {LARGEST_NUMBER:,}.")


def _name_for_users(parameter: inspect.Parameter) -> str:
    """Return the name of an argument in capitals, or of an option."""
    is_argument = any(isinstance(info, ArgumentInfo) for info in get_args(parameter.annotation))
    return parameter.name.upper() if is_argument else f"--{parameter.name.replace('_', '-')}"


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
