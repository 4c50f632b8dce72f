"""Tests of ``midiprism analyze``."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from midiprism.advise.model.timeline import TimelinePoint
from midiprism.advise.report import document, report
from midiprism.advise.report.document import Item, Section, build_sections
from midiprism.cli import main
from midiprism.cli.render.analysis_html import make_plots
from midiprism.sample.write import write_songs
from support.browser import open_browser
from support.runs import mark_as_killed, still_running

Run = Callable[..., tuple[int, str, str]]
HOSTILE = "<script>alert(1)</script> | `x` ${y}"
KEYS = {
    "progress",
    "resources",
    "settings",
    "rate",
    "eta_seconds",
    "bottleneck",
    "evidence",
    "strategies",
    "plans",
}
STRATEGIES = {
    "other-programs", "output-device", "catalog-device", "temporary-device", "batches", "workers",
    "in-flight", "parquet", "postgresql", "sqlite", "separate-devices",
}  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a result of songs from a folder with a hostile name."""
    folder = tmp_path_factory.mktemp("analyze")
    songs = folder / HOSTILE.replace("/", "\u2215")
    write_songs(songs, 600, seed=4)
    assert main(["split", str(songs), "-o", str(folder / "out"), "--quiet", "--workers", "1"]) == 0
    return folder / "out"


@pytest.fixture(scope="module", autouse=True)
def _short_runs_are_long_enough() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "MIN_WORK_SECONDS", 0.0)
        yield


@pytest.fixture(scope="module")
def html_page(out: Path, run_and_capture: Callable[[list[str]], str]) -> str:
    return run_and_capture(["analyze", str(out), "--html"])


@pytest.fixture(scope="module")
def run_and_capture() -> Callable[[list[str]], str]:
    """Return a function that runs a command and returns its output, for fixtures of a module."""
    import contextlib
    import io

    def run_command(arguments: list[str]) -> str:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            assert main(arguments) == 0
        return output.getvalue()

    return run_command


def test_json_has_the_whole_report(out: Path, run_cli: Run) -> None:
    code, printed, errors = run_cli("analyze", out, "--json")
    assert (code, errors) == (0, "")
    found: dict[str, Any] = json.loads(printed)
    assert set(found) >= KEYS
    assert found["progress"]["songs_done"] == 600
    assert found["rate"] > 0
    assert found["eta_seconds"] is None  # the run has ended
    assert found["bottleneck"]["resource"] in (
        "cpu",
        "output",
        "source",
        "catalog",
        "coordinator",
        "settings",
        "none",
    )
    assert found["evidence"]
    assert {one["id"] for one in found["strategies"]} == STRATEGIES
    assert all(one["reason"] and one["effort"] and one["risk"] for one in found["strategies"])
    assert [one["name"] for one in found["plans"]] == ["A", "B", "C"]
    assert {role for use in found["resources"] for role in use["roles"]} == {
        "source", "output", "catalog", "temporary"
    }  # fmt: skip
    assert found["timeline"][-1]["rate"] >= 0


def test_the_text_has_all_sections_in_order(out: Path, run_cli: Run) -> None:
    code, printed, errors = run_cli("analyze", out)
    assert (code, errors) == (0, "")
    titles = [
        "Resources",
        "Settings",
        "Rate",
        "Bottleneck",
        "Strategies",
        "Plans",
        "What a restart would cost",
    ]
    positions = [printed.index(f"\n{title}\n") for title in titles]
    assert positions == sorted(positions)
    assert "600 songs in the catalog" in printed
    assert "midiprism split" in printed


def test_markdown_escapes_hostile_names(out: Path, run_cli: Run) -> None:
    code, printed, _ = run_cli("analyze", out, "--markdown")
    assert code == 0
    assert printed.startswith("# Run 1 of ")
    without_code = re.sub(r"(`{3,})sh\n.*?\n\1\n", "", printed, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)<script", without_code)
    assert "\\<script\\>" in without_code


class Tags(HTMLParser):
    """Tags and attributes of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, list[str]] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attributes:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_no_scripts_and_no_external_resources(html_page: str) -> None:
    tags = Tags()
    tags.feed(html_page)
    assert not tags.tags & {"script", "link", "iframe", "object", "embed", "img", "form", "base"}
    assert not {"src", "href", "style", "action"} & set(tags.attributes)
    assert not [name for name in tags.attributes if name.startswith("on")]
    policy = next(one for one in tags.attributes["content"] if "default-src" in one)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>alert(1)<" in tags.text.replace("\u2215", "/")  # escaped
    assert {"svg", "polyline"} <= tags.tags


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_the_page_without_overflow_or_errors(
    html_page: str, tmp_path: Path, width: int
) -> None:
    file = tmp_path / "report.html"
    file.write_text(html_page, encoding="utf-8")
    messages: list[str] = []
    with open_browser() as chromium:
        shown = chromium.new_page(viewport={"width": width, "height": 900})
        shown.on("console", lambda message: messages.append(message.text))
        shown.on("dialog", lambda dialog: messages.append(dialog.message))
        shown.goto(file.as_uri())
        inside, outside = shown.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        beyond = shown.evaluate(
            "[...document.querySelectorAll('body *')]"
            ".filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
            ".map(e => e.outerHTML.slice(0, 80))"
        )
        smallest = shown.evaluate(
            "Math.min(...[...document.querySelectorAll('body *')]"
            ".filter(e => e.children.length == 0 && e.textContent.trim())"
            ".map(e => parseFloat(getComputedStyle(e).fontSize)))"
        )
        styled = shown.evaluate("getComputedStyle(document.querySelector('pre')).whiteSpace")
    assert messages == []
    assert inside <= outside
    assert beyond == []
    assert smallest >= 13
    assert styled == "pre-wrap"  # the policy allows the page's own style


def test_stages_are_plotted_if_nothing_is_in_progress_at_the_end() -> None:
    shares = {"read": 0.25, "split": 0.75, "commit": 0.0}
    points = [
        TimelinePoint(1.0, 9.0, 0.5, {"sda": 0.5}, {}, 2, 4, 100),
        TimelinePoint(2.0, 9.0, 0.5, {"sda": 0.5}, shares, 2, 4, 100),
        TimelinePoint(3.0, 0.0, 0.0, {"sda": 0.0}, {}, 2, 0, 100),
    ]
    drawn = {plot.title: [line.name for line in plot.lines] for plot in make_plots(points)}
    assert drawn == {
        "Songs per second": ["songs/s"],
        "Utilization": ["processors", "sda"],
        "Shares of the stages in their time": ["read", "split"],
    }


def test_an_active_run_has_an_estimate_of_its_remaining_time(out: Path, tmp_path: Path, run_cli: Run) -> None:
    copy = tmp_path / "on"
    shutil.copytree(out, copy)
    mark_as_killed(copy, songs_total=6_000, songs_seen=600, songs_done=600)
    with still_running(copy):
        code, printed, _ = run_cli("analyze", copy, "--json")
    found = json.loads(printed)
    assert code == 0
    assert found["progress"]["running"]
    assert found["progress"]["songs_left"] == 5_400
    assert found["eta_seconds"] == pytest.approx(5_400 / found["rate"])


def test_a_run_without_samples_cannot_be_analyzed(out: Path, tmp_path: Path, run_cli: Run) -> None:
    code, _, errors = run_cli("analyze", out, "--run", 7)
    assert code == 2
    assert "Run 7" in errors
    write_songs(tmp_path / "songs", 3, seed=1)
    run_cli("split", tmp_path / "songs", "-o", tmp_path / "dry", "--quiet", "--dry-run")
    code, _, errors = run_cli("analyze", tmp_path / "dry")
    assert code == 2
    assert "holds no midiprism result" in errors


def test_output_formats_exclude_each_other(out: Path, run_cli: Run) -> None:
    code, _, errors = run_cli("analyze", out, "--json", "--html")
    assert code == 2
    assert "exclude each other" in errors


def test_a_run_can_be_chosen(out: Path, run_cli: Run) -> None:
    code, printed, _ = run_cli("analyze", out, "--json", "--run", 1)
    assert code == 0
    assert json.loads(printed)["progress"]["run"] == 1


def test_a_short_run_is_not_explained(out: Path, run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MIN_WORK_SECONDS", 1e9)
    found = json.loads(run_cli("analyze", out, "--json")[1])
    assert (found["bottleneck"], found["strategies"], found["plans"]) == (None, [], [])
    assert found["progress"]["too_short"]
    printed = run_cli("analyze", out)[1]
    assert "The run was too short to say what limits it: it worked for" in printed
    assert re.search(r"^  starting, and loading the splitter +[\d.]+ s", printed, re.MULTILINE)
    assert re.search(
        r"^  of it, by all workers: splitting songs into tracks +[\d.]+ s", printed, re.MULTILINE
    )
    assert "From so short a run nothing can be predicted." in printed
    assert "times as fast" not in printed


def test_a_command_is_on_one_line(out: Path, run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    command = f"midiprism split {'long/' * 20} -o out"
    sections = [Section("Plans", items=(Item("Plan A", commands=(command,)),))]
    monkeypatch.setattr(document, "build_sections", lambda _report: sections)
    monkeypatch.setenv("COLUMNS", "40")
    assert f"    {command}\n" in run_cli("analyze", out)[1]


def test_the_commands_for_a_moved_result_name_its_new_folder(out: Path, tmp_path: Path, run_cli: Run) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(out, copy)
    found = json.loads(run_cli("analyze", copy, "--json")[1])
    commands = [command for strategy in found["strategies"] for command in strategy["commands"]]
    assert commands
    assert all(str(copy) in command and str(out) not in command for command in commands)
    assert found["settings"]["out"] == str(copy)


def test_a_strategy_that_a_plan_uses_is_not_said_to_be_useless(out: Path) -> None:
    found = report.analyze_run(str(out))
    strategy = next(strategy for strategy in found.strategies if not strategy.helps)
    for planned, ending in (((), "would not help"), ((strategy.id,), "helps only together with others")):
        plan = replace(found.plans[0], strategies=planned)
        sections = {section.title: section for section in build_sections(replace(found, plans=(plan,)))}
        titles = [item.title for item in sections["Strategies"].items]
        assert [title for title in titles if title.startswith(f"{strategy.title}: {ending}")]


def test_a_later_run_that_split_nothing_is_named_and_not_described(
    run_cli: Callable[..., tuple[int, str, str]], out: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    (source,) = json.loads(run_cli("analyze", copy, "--json")[1])["settings"]["sources"]
    (tmp_path / "link").symlink_to(source)
    assert run_cli("split", source, "-o", copy, "--limit", "1", "--retry-failed")[0] == 0
    new = tmp_path / "new"
    new.mkdir()
    shutil.copy(next(Path(source).rglob("*.mid")), new / "copy.mid")
    assert run_cli("split", new, "-o", copy)[0] == 0  # the song is known, its path is new
    found = json.loads(run_cli("analyze", copy, "--json")[1])["progress"]
    assert (found["run"], found["idle_runs"]) == (1, [2])
    assert "Run 2, which came later, split no song" in run_cli("analyze", copy)[1]
    assert "It split no song." in run_cli("analyze", copy, "--run", "2")[1]
