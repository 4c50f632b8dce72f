import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from midiprism.cli.app import app

DOCS = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")


def commands(group: Any, before: str = "") -> dict[str, Any]:
    """Every command by its full name, those of groups too."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        found |= (
            commands(command, f"{before}{name} ")
            if hasattr(command, "commands")
            else {before + name: command}
        )
    return found


COMMANDS = commands(get_command(app))


def section(command: str) -> str:
    match = re.search(rf"^###? midiprism {command}$(.*?)(?=^###? |\Z)", DOCS, re.MULTILINE | re.DOTALL)
    assert match, f"docs/commands.md has no section on {command}"
    return match[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_documented(command: str) -> None:
    text = section(command)
    options = [
        name for parameter in COMMANDS[command].params for name in parameter.opts if name.startswith("-")
    ]
    missing = [name for name in options if name not in ("--help", "-h") and f"`{name}" not in text]
    assert not missing


def test_no_command_is_documented_that_does_not_exist() -> None:
    groups = {name.partition(" ")[0] for name in COMMANDS}
    assert set(re.findall(r"^###? midiprism ([\w ]+)$", DOCS, re.MULTILINE)) <= COMMANDS.keys() | groups


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_help_text(command: str) -> None:
    assert COMMANDS[command].help
    assert [p.name for p in COMMANDS[command].params if not getattr(p, "help", None)] == []
