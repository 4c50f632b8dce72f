"""Fixtures that tests of the command line share."""

from collections.abc import Callable

import pytest

from midiprism.cli import main


@pytest.fixture
def run_cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command and returns its exit code, its output and its error output.

    It also checks that neither output holds a traceback, an escape sequence or a bidirectional override.
    """

    def run_command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        assert "\x1b" not in captured.out + captured.err
        assert "\u202e" not in captured.out + captured.err
        return code, captured.out, captured.err

    return run_command
