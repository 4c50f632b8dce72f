"""The file ``midiprism.toml``: defaults of options, for all commands or for one."""

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typer import Typer
from typer.main import get_command

from midiprism.cli.render.terminal import print_message, printable_path
from midiprism.errors import UsageError

CONFIG_OPTION = "--config"
CONFIG_VARIABLE = "MIDIPRISM_CONFIG"
DEFAULT_CONFIG_FILE = "midiprism.toml"

_HELP_OPTIONS = frozenset({"-h", "--help"})
_ON_COMMAND_LINE_ONLY = frozenset({"config", "help", "yes", "fields", "searches", "save", "delete-search"})
"""Options that a file cannot set: consent is given to one command, and some replace what a command does."""


@dataclass(frozen=True, slots=True)
class ConfiguredArguments:
    """The arguments of a command with those from a file.

    Attributes:
        arguments: all of them.
        file: that added some; None if none did.
    """

    arguments: list[str]
    file: str | None = None


def add_configured_options(given: Sequence[str], make_app: Callable[[], Typer]) -> ConfiguredArguments:
    """Return arguments with the options from the configuration file of the command that they name.

    What is given itself comes later, so it wins; an option that may be repeated is not taken from the file if
    it is given.

    Args:
        given: arguments of the process.
        make_app: returns the command line with all commands. It is called if there is a file.

    Raises:
        UsageError: the file cannot be used, or names something unknown.
    """
    unchanged = ConfiguredArguments([*given])
    if _HELP_OPTIONS.intersection(given) or not given or given[0].startswith("-"):
        return unchanged
    path = _find_file(given)
    if path is None:
        return unchanged
    commands = _options_by_command(get_command(make_app()))
    command = next((name for name in commands if tuple(given[: len(name)]) == name), None)
    settings = _Settings(path, _read(path), commands)
    if command is None:
        return unchanged
    added = [argument for argument in settings.arguments(command, given) if argument]
    if not added:
        return unchanged
    size = len(command)
    return ConfiguredArguments([*given[:size], *added, *given[size:]], path)


class _Settings:
    """The settings of a file.

    Args:
        path: of the file, for messages.
        tables: what the file holds.
        commands: options by their names, for each command.

    Raises:
        UsageError: the file names an unknown option or command.
    """

    def __init__(
        self, path: str, tables: Mapping[str, Any], commands: Mapping[tuple[str, ...], Mapping[str, Any]]
    ) -> None:
        self._path = path
        self._commands = commands
        self._of_all: dict[str, Any] = {}
        self._of_command: dict[tuple[str, ...], dict[str, Any]] = {}
        self._unknown: list[str] = []
        self._add((), tables)
        known = {option for options in commands.values() for option in options}
        self._unknown += [name for name in self._of_all if name not in known]
        if self._unknown:
            names = ", ".join(map(printable_path, self._unknown))
            raise UsageError(
                f"{path} has unknown keys: {names}. Keys are options without the dashes in front, tables are "
                "commands; --config and --yes are no keys."
            )

    def arguments(self, command: tuple[str, ...], given: Sequence[str]) -> Iterator[str]:
        """Return the arguments that give a command its options.

        Raises:
            UsageError: a value has the wrong type.
        """
        options = self._commands[command]
        of_all = {name: value for name, value in self._of_all.items() if name in options}
        for name, value in (of_all | self._of_command.get(command, {})).items():
            option = options[name]
            if option.is_flag:
                yield self._flag(name, value)
            elif option.multiple:
                if not any(argument.partition("=")[0] == f"--{name}" for argument in given):
                    values = value if isinstance(value, list) else [value]
                    yield from (self._with_value(name, item) for item in values)
            else:
                yield self._with_value(name, value)

    def _add(self, prefix: tuple[str, ...], table: Mapping[str, Any]) -> None:
        """Sort the keys of a table by the command that they belong to."""
        for key, value in table.items():
            name = (*prefix, key)
            if isinstance(value, Mapping) and (name in self._commands or self._is_group(name)):
                self._add(name, value)
            elif not prefix:
                self._of_all[key] = value
            elif key in self._commands.get(prefix, {}):
                self._of_command.setdefault(prefix, {})[key] = value
            else:
                self._unknown.append(".".join(name))

    def _is_group(self, name: tuple[str, ...]) -> bool:
        return any(command[: len(name)] == name for command in self._commands)

    def _flag(self, name: str, value: Any) -> str:
        if not isinstance(value, bool):
            raise UsageError(f"{self._path}: {name} is true or false, not {value!r}.")
        return f"--{name}" if value else ""

    def _with_value(self, name: str, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise UsageError(f"{self._path}: {name} is a text or a number, not {value!r}.")
        return f"--{name}={value}"


def _options_by_command(commands: Any) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the options that a file can set by their names without dashes, for each command."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}

    def add(command: Any, name: tuple[str, ...]) -> None:
        if hasattr(command, "commands"):
            for part, inner in command.commands.items():
                add(inner, (*name, part))
        else:
            options = {
                option.removeprefix("--"): parameter
                for parameter in command.params
                for option in parameter.opts
                if option.startswith("--")
            }
            found[name] = {key: options[key] for key in options.keys() - _ON_COMMAND_LINE_ONLY}

    add(commands, ())
    return found


def _find_file(given: Sequence[str]) -> str | None:
    """Return the file that an option or the environment names, else that of the current folder, if any."""
    for position, argument in enumerate(given):
        name, equals, value = argument.partition("=")
        if name == CONFIG_OPTION:
            return value if equals else next(iter(given[position + 1 :]), None)
    if CONFIG_VARIABLE in os.environ:
        return os.environ[CONFIG_VARIABLE] or None
    return DEFAULT_CONFIG_FILE if _is_trusted(DEFAULT_CONFIG_FILE) else None


def _is_trusted(path: str) -> bool:
    """Return whether a file exists that may be read without being named: one of this user, or of root."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    if hasattr(os, "getuid") and status.st_uid not in (os.getuid(), 0):
        print_message(
            f"{path} belongs to another user and is ignored; {CONFIG_OPTION} {path} takes it nevertheless."
        )
        return False
    return True


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise UsageError(f"{path} is not TOML: {error}.") from error
