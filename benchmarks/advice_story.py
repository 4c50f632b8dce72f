"""Advise on a slow run: apply plans A, B and C of its report, and compare predictions with measurements.

    python benchmarks advice_story [--minutes 5] [--runs 5] [--seconds 20] [--memory FOLDER] [--write]

Run it with ``tests`` on PYTHONPATH. The run has naive settings: two workers, batches of 100 songs, one of
them in flight. Its output is on a disk that takes ``--create`` seconds for each file, one after the other.
Its catalog is in PostgreSQL on a server that takes ``--latency`` seconds for each answer. Both are slow on
purpose: the store sleeps, and a proxy delays. Another disk and everything else are as fast as this machine.
All of it is in memory, but the speed of the other disk calls it a disk.

At 37% of the run ``analyze`` reports. Then its plans are applied in turn, ``--runs`` times each for
``--seconds``, always into a new result, and the predictions are compared with the measurements.

``--write`` writes that, the report, and screenshots of its web page into the documentation.
"""

import argparse
import os
import re
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import Any

from common import RepeatedSource, machine_description, sample_songs_folder
from midiprism.advise.bench.sample_run import MeasuredRun, apply_changes, measure_run
from midiprism.advise.probe.disk_results import DiskSpeed
from midiprism.advise.probe.io_workers import create_file
from midiprism.advise.probe.probe import probe
from midiprism.advise.report.document import build_sections
from midiprism.advise.report.report import RunReport, analyze_run
from midiprism.advise.report.strategies import SpeedupPlan
from midiprism.catalog import PostgresAddress
from midiprism.cli.render.analysis_html import render_html
from midiprism.cli.render.analysis_text import render_markdown
from midiprism.pipeline import Settings
from midiprism.pipeline.open_result import ResultOpener, open_result
from midiprism.pipeline.progress import RunProgress
from midiprism.sources import Notice, SongRef, open_folders
from support.browser import open_browser
from support.postgres import PostgresServer, find_installations
from support.runs import change_settings, make_settings, run_source
from support.slow_parts import latency_proxy, open_with_slow_store, process_semaphore, proxied_url

REPORT_AT = 0.37
TOLERANCE = 0.25
NAIVE_SETTINGS = make_settings(workers=2, batch_songs=100, in_flight=1)
DOC_PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "advice-story.md"
IMAGES_FOLDER = DOC_PAGE.parent / "images"
SCREEN_SIZES = {1280: 1500, 390: 1100}
"""Of pictures, with their heights, in pixels."""


@dataclass(frozen=True)
class FiniteRepeatedSource(RepeatedSource):
    """A limited number of songs: the same few again and again, with different bytes."""

    songs: int = 0

    def walk(self) -> Iterator[SongRef | Notice]:
        left = self.songs
        for found in super().walk():
            if not left:
                return
            left -= 1
            yield found

    def running_count(self) -> Iterator[int]:
        return iter((self.songs,))


@dataclass(frozen=True)
class SlowDisk:
    """Creates files as slowly as the slow store, for a probe."""

    seconds: float
    semaphore: Semaphore

    def __call__(self, path: str, data: bytes) -> None:
        create_file(path, data)
        with self.semaphore:
            time.sleep(self.seconds)


@dataclass
class Environment:
    """The disks and the server of the benchmark.

    Attributes:
        folder: a folder in memory; its folders ``slow`` and ``fast`` are the disks.
        server: the PostgreSQL server, which is distant at ``port``.
    """

    folder: Path
    songs: Path
    server: PostgresServer
    port: int
    seconds_per_create: float

    def new_remote_database(self) -> PostgresAddress:
        """Return a new database on the distant server."""
        return PostgresAddress(proxied_url(self.port, self.server.new_database()))

    def opener(self, out: str, settings: Settings) -> Any:
        """Open a result; on the slow disk, files are created slowly, but shards are few."""
        slow = Path(out).is_relative_to(self.folder / "slow") and settings.identity.store != "parquet"
        opener: ResultOpener = open_with_slow_store(self.seconds_per_create, 1) if slow else open_result
        return opener(out, settings)

    def disk_speeds(self) -> list[DiskSpeed]:
        """Return the speeds of both disks, as ``midiprism probe`` measures them."""
        slow = probe(self.folder / "slow", create=SlowDisk(self.seconds_per_create, process_semaphore(1)))
        fast = probe(self.folder / "fast")
        location = replace(
            fast.location, kind="disk", device="fast", rotational=False, mount_point=fast.location.path
        )
        return [slow, replace(fast, location=location)]


def main() -> None:
    """Run the benchmark, and print its page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5, help="of the slow run, about (default: 5)")
    parser.add_argument("--songs", type=int, help="of the slow run, instead of minutes")
    parser.add_argument("--runs", type=int, default=5, help="of each plan (default: 5)")
    parser.add_argument("--seconds", type=float, default=20, help="of each of them (default: 20)")
    parser.add_argument("--create", type=float, default=0.012, help="seconds a file, on the slow disk")
    parser.add_argument("--latency", type=float, default=0.01, help="seconds an answer of the server")
    parser.add_argument("--samples", type=int, default=2_000, help="different songs (default: 2000)")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm/story"))
    parser.add_argument(
        "--write", action="store_true", help=f"all that to {DOC_PAGE.name} of the documentation"
    )
    options = parser.parse_args()
    found = find_installations()
    if not found:
        sys.exit("no PostgreSQL server is installed")
    for name in ("slow", "fast"):
        (options.memory / name).mkdir(parents=True)
    try:
        songs = sample_songs_folder(options.memory / "songs", options.samples)
        server = PostgresServer(found[0])
        try:
            with latency_proxy(server, options.latency) as port:
                stage = Environment(options.memory, songs, server, port, options.create)
                report, pages = run_story(stage, options)
        finally:
            server.close()
    finally:
        shutil.rmtree(options.memory)
    text = "\n".join(pages).replace(str(options.memory), "")
    print(text)
    if options.write:
        DOC_PAGE.write_text(text, encoding="utf-8")
        take_screenshots(report, str(options.memory))


def take_screenshots(report: RunReport, folder: str) -> None:
    """Take screenshots of the web page of the report, on a wide and on a narrow screen."""
    sections = build_sections(report)
    text = render_html(f"midiprism: {sections[0].title}", sections, report.timeline).replace(folder, "")
    IMAGES_FOLDER.mkdir(exist_ok=True)
    with open_browser() as chromium:
        for width, height in SCREEN_SIZES.items():
            view = chromium.new_page(viewport={"width": width, "height": height})
            view.set_content(text)
            view.screenshot(path=IMAGES_FOLDER / f"report-{width}.png")


def run_story(environment: Environment, options: argparse.Namespace) -> tuple[RunReport, list[str]]:
    """Run everything; return the report, and the lines of the page of the documentation."""
    disk_speeds = environment.disk_speeds()
    load = os.getloadavg()[0]
    count = options.songs
    if count is None:
        rate = run_once(environment, NAIVE_SETTINGS, "slow", 15, environment.new_remote_database()).rate
        count = int(rate * 60 * options.minutes)
    report, naive = slow_run(environment, count, disk_speeds)
    print(f"{report.bottleneck and report.bottleneck.summary}; {naive:.0f} s", file=sys.stderr, flush=True)
    rates: dict[str, list[float]] = {plan.name: [] for plan in report.plans}
    for number in range(options.runs):
        for plan in report.plans:
            rates[plan.name].append(run_plan(environment, plan, options.seconds).rate)
            figure = f"{rates[plan.name][-1]:,.1f} songs/s, predicted {plan.rate:,.1f}"
            print(f"round {number + 1}: {plan.name} {figure}", file=sys.stderr, flush=True)
    naive_resources = NAIVE_SETTINGS.resources
    about = (
        f"A run has naive settings: {naive_resources.workers} workers, batches of "
        f"{naive_resources.batch_songs}, one of them in flight. Its output is on a disk that takes "
        f"{1000 * options.create:g} ms for each file, one after the other, and its catalog is in PostgreSQL "
        f"behind a connection that takes {1000 * options.latency:g} ms for each answer. Both are slowed "
        "down artificially: the store sleeps, and a proxy delays. Everything else is in memory. The other "
        "disk is memory too, and is presented as a disk in the figures of its probe. Paths are relative to "
        "the folder of both.\n"
    )
    course = (
        f"{count:,} songs took {naive / 60:.1f} minutes. At {REPORT_AT:.0%} of them `midiprism analyze` "
        "printed the report below. Then its plans were applied, in turn, each time into a new result, for "
        f"{options.seconds:g} s. Songs per second, medians of {options.runs} runs:\n"
    )
    return report, [
        "# A slow run, diagnosed\n",
        f"Measured by `benchmarks/advice_story.py`, {machine_description()}; load {load:.1f} at first.\n",
        about,
        course,
        *result_table(report, rates),
        "\nThe report as a web page, on screens of 1280 and 390 pixels (`midiprism analyze OUT --html`):\n",
        "![The report on a wide screen](images/report-1280.png)\n",
        "![The report on a narrow screen](images/report-390.png)\n",
        re.sub("^#", "##", render_markdown(build_sections(report)), flags=re.MULTILINE),
    ]


def slow_run(
    environment: Environment, count: int, disk_speeds: Sequence[DiskSpeed]
) -> tuple[RunReport, float]:
    """Run with the naive settings; return the report at 37% of the run, and its total seconds."""
    out, database = str(environment.folder / "slow" / "story"), environment.new_remote_database()
    reports: list[RunReport] = []

    def look() -> None:
        reports.append(analyze_run(out, database, disk_speeds=disk_speeds))

    looking = threading.Thread(target=look)

    def listen(progress: RunProgress) -> None:
        if progress.seen >= REPORT_AT * count and looking.ident is None:
            looking.start()

    settings = change_settings(NAIVE_SETTINGS, database=database)
    library = FiniteRepeatedSource(open_folders([environment.songs]), count)
    summary = run_source(library, out, settings, open_result=environment.opener, on_progress=listen)
    if summary.error is not None:
        raise summary.error
    looking.join()
    shutil.rmtree(out)
    return reports[0], summary.seconds - summary.loading_seconds


def run_plan(environment: Environment, plan: SpeedupPlan, seconds: float) -> MeasuredRun:
    """Run with the changes of a plan."""
    settings = apply_changes(
        NAIVE_SETTINGS, {name: it for name, it in plan.changes.items() if name != "database"}
    )
    database = None if plan.changes.get("database") == "" else environment.new_remote_database()
    return run_once(environment, settings, "fast" if "output" in plan.changes else "slow", seconds, database)


def run_once(
    environment: Environment, settings: Settings, disk: str, seconds: float, database: PostgresAddress | None
) -> MeasuredRun:
    out = environment.folder / disk / "trial"
    library = RepeatedSource(open_folders([environment.songs]))
    try:
        return measure_run(
            library,
            str(out),
            change_settings(settings, database=database),
            seconds,
            opener=environment.opener,
        )
    finally:
        shutil.rmtree(out, ignore_errors=True)
        environment.server.drop_databases()


def result_table(report: RunReport, rates: dict[str, list[float]]) -> Iterator[str]:
    """Yield a table of predictions and measurements."""
    yield "| plan | changes | predicted | measured | least | most | predicted / measured | within 25% |"
    yield "|---|---|---|---|---|---|---|---|"
    yield f"| none | | | {report.rate or 0:,.1f} | | | | |"
    for plan in report.plans:
        found = rates[plan.name]
        middle = statistics.median(found)
        changes = ", ".join(f"{name} {value or 'a file'}" for name, value in plan.changes.items())
        ratio = plan.rate / middle
        yield (
            f"| {plan.name} | {changes} | {plan.rate:,.1f} | {middle:,.1f} | {min(found):,.1f} "
            f"| {max(found):,.1f} | {ratio:.2f} | {'yes' if abs(ratio - 1) <= TOLERANCE else 'no'} |"
        )


if __name__ == "__main__":
    main()
