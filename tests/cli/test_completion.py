from collections.abc import Sequence

import pytest

from midiprism.cli import main


def complete(monkeypatch: pytest.MonkeyPatch, words: Sequence[str]) -> None:
    """Ask for the completions of the last of these words, as a shell does."""
    monkeypatch.setenv("_MIDIPRISM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "\n".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    with pytest.raises(SystemExit):
        main([])


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["midiprism", "li"], ["list"]),
        (["midiprism", "catalog", "un"], ["undo"]),
        (["midiprism", "list", "--note"], ["--notes"]),
        (["midiprism", "list", "out", "instr"], ["instrument:"]),
        (["midiprism", "list", "out", "role:m"], ["role:melody"]),
        (["midiprism", "list", "out", "role", ":", "m"], ["melody"]),
        (["midiprism", "list", "out", "meter", ":"], ["4/4", "3/4", "2/4", "6/8", "12/8", "2/2"]),
        (["midiprism", "list", "out", "instrument:sl"], ["instrument:slap"]),
        (["midiprism", "list", "out", "key:Dm,E"], ["key:Dm,Eb", "key:Dm,E", "key:Dm,Ebm", "key:Dm,Em"]),
        (["midiprism", "export", "out", "sort:dur"], ["sort:duration_ticks", "sort:duration_seconds"]),
        (["midiprism", "split", "--context", "f"], ["full"]),
    ],
)
def test_a_shell_completes_commands_options_and_choices(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: list[str], completed: list[str]
) -> None:
    complete(monkeypatch, words)
    assert capfd.readouterr().out.split() == completed
