import pytest

from midiprism.cli.render import progress
from midiprism.pipeline import RunProgress

COMPILING = "Compiling the splitter to machine code"


def progress_at(seconds: float, total: int | None = 1000, failed: int = 0) -> RunProgress:
    return RunProgress(total, 250, 50, failed, 900, 700, 200, seconds)


def test_a_line_has_counts_rate_time_left_and_failures() -> None:
    assert progress.format_run_progress(progress_at(10.0, failed=3)) == (
        "250 of 1,000 songs, 25 %, 25/s, 0:30 left, 700 new tracks, 200 duplicates, 3 failed"
    )


def test_without_a_total_there_is_no_percentage() -> None:
    assert (
        progress.format_run_progress(progress_at(0.0, total=None))
        == "250 songs, 0/s, 700 new tracks, 200 duplicates"
    )


def test_without_a_terminal_a_line_is_printed_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.show_run_progress() as show:
        for seconds in range(13):
            show(progress_at(float(seconds)))
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_without_a_terminal_lines_tell_how_long_compiling_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.show_run_progress() as show:
        for seconds in range(40):
            show.show_compiling(float(seconds))
    assert capsys.readouterr().err.splitlines() == [
        f"{COMPILING}, once per installation; a minute or two on a slow or busy machine ...",
        f"{COMPILING}: 0:15 so far.",
        f"{COMPILING}: 0:30 so far.",
    ]


def test_on_a_terminal_the_time_of_compiling_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with progress.show_run_progress() as show:
        show.show_compiling(75.0)
    printed = capsys.readouterr().err
    assert "Compiling the splitter to machine code: 1:15" in printed
    assert "a minute or two" in printed


def test_on_a_terminal_a_bar_is_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with progress.show_run_progress() as show:
        show(progress_at(10.0))
    assert "700 new tracks" in capsys.readouterr().err


def test_one_song_is_singular() -> None:
    one = RunProgress(None, 1, 0, 0, 3, 2, 1, 2.0)
    assert progress.format_run_progress(one) == "1 song, 0/s, 2 new tracks, 1 duplicate"


def test_tracks_of_songs_that_are_not_done_are_counted_apart() -> None:
    ahead = RunProgress(None, 1, 0, 0, 3, 3, 0, 2.0, tracks_ahead=127)
    assert progress.format_run_progress(ahead) == (
        "1 song, 0/s, 3 new tracks, 0 duplicates, 127 more written for the next songs"
    )
