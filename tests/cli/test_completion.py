from collections.abc import Sequence

import pytest

from midiprism.cli import main


def complete(monkeypatch: pytest.MonkeyPatch, words: Sequence[str]) -> None:
    """Ask for the completions of the last of these words, as a shell does."""
    monkeypatch.setenv("_MIDIPRISM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", " ".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    with pytest.raises(SystemExit):
        main([])


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["midiprism", "li"], ["list"]),
        (["midiprism", "catalog", "un"], ["undo"]),
        (["midiprism", "list", "--note"], ["--notes"]),
        (["midiprism", "split", "--context", "f"], ["full"]),
    ],
)
def test_a_shell_completes_commands_options_and_choices(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: list[str], completed: list[str]
) -> None:
    complete(monkeypatch, words)
    assert capfd.readouterr().out.split() == completed
