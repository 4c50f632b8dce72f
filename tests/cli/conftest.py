"""What tests of the command line share."""

from collections.abc import Callable

import pytest

from midiprism.cli import main


@pytest.fixture
def run_cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command: its exit code, and what it wrote, which is never raw."""

    def running(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        assert "\x1b" not in captured.out + captured.err
        assert "\u202e" not in captured.out + captured.err
        return code, captured.out, captured.err

    return running
