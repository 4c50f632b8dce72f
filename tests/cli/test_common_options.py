"""Tests that options which many commands have are there under the same names, and do the same."""

from typing import Any

import pytest
from typer.main import get_command

from midiprism.cli.app import make_app


def walk(command: Any, name: str = "") -> list[tuple[str, Any]]:
    if hasattr(command, "commands"):
        return [found for part, inner in command.commands.items() for found in walk(inner, f"{name} {part}")]
    return [(name.strip(), command)]


COMMANDS = dict(walk(get_command(make_app())))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_quiet_verbose_configured_and_logged(name: str) -> None:
    options = [set(parameter.opts) for parameter in COMMANDS[name].params]
    for wanted in ({"-q", "--quiet"}, {"-v", "--verbose"}, {"--config"}, {"--log-json"}):
        assert wanted in options


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_has_two_meanings_in_a_command(name: str) -> None:
    names = [option for parameter in COMMANDS[name].params for option in parameter.opts]
    assert len(names) == len(set(names))
