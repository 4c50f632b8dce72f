"""Describe in words what a verification found and a repair did."""

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_clock,
    format_count,
    format_size,
    make_console,
    pluralize,
    print_message,
    printable_path,
)

if TYPE_CHECKING:
    from midiprism.cli.result_location import ResultLocation
    from midiprism.integrity.damage_report import Damage, DamageReport, RepairReport, VerifyProgress

_MAX_SHOWN = 5
_STAGE_DESCRIPTIONS = {
    "catalog": "checking the catalog",
    "tracks": "tracks",
    "files": "files",
    "songs": "songs",
    "repair": "repairing, songs",
}


def format_progress(progress: "VerifyProgress") -> str:
    """Return the progress of a verification in words."""
    stage = _STAGE_DESCRIPTIONS[progress.stage]
    if progress.stage == "catalog":
        return f"{stage}, {format_clock(progress.seconds)}"
    of = f" of {progress.total:,}" if progress.total is not None else ""
    parts = [f"{stage}: {progress.seen:,}{of}"]
    if progress.total:
        parts.append(f"{100 * min(progress.seen, progress.total) / progress.total:.0f} %")
    if progress.damage_count:
        parts.append(f"{progress.damage_count:,} damaged")
    return ", ".join(parts)


def print_verification(
    verification: "DamageReport", result: "ResultLocation", *, quiet: bool, verbose: bool, stderr: bool
) -> None:
    """Print what a verification found, and how to repair it."""
    lines = [*_damage_lines(verification, verbose=verbose)]
    if verification.counts:
        lines += _advice_lines(verification, result)
    _print(
        _headline(verification, result.folder),
        [*lines, *_remark_lines(verification)],
        quiet=quiet,
        stderr=stderr,
        damaged=bool(verification.counts),
    )


def print_repair(
    repair: "RepairReport", result: "ResultLocation", *, quiet: bool, verbose: bool, stderr: bool
) -> None:
    """Print what a verification report, what was repaired, and what was not."""
    report = repair.damage_report
    lines = [*_damage_lines(report, verbose=verbose), *_repaired_lines(repair)]
    if repair.unrepaired:
        lines.append("Cannot be repaired:" if repair.dry_run else "Not repaired:")
        shown = repair.unrepaired if verbose else repair.unrepaired[:_MAX_SHOWN]
        lines += _example_lines(shown, repair.unrepaired_count)
    if repair.dry_run and report.counts and not repair.stopped and not report.counts.get("catalog"):
        lines += ["Nothing was written. To repair it:", f"  midiprism verify {result.quoted} --repair"]
    elif report.counts.get("catalog"):
        lines += _advice_lines(report, result)
    elif repair.stopped:
        lines.append("Stopped before the end; the same command continues.")
    _print(
        _headline(report, result.folder),
        [*lines, *_remark_lines(report)],
        quiet=quiet,
        stderr=stderr,
        damaged=repair.unrepaired_count > 0,
    )


def _print(headline: str, lines: list[str], *, quiet: bool, stderr: bool, damaged: bool) -> None:
    if quiet:
        for line in (headline, *lines) if damaged else ():
            print_message(line.strip())
        return
    screen = make_console(stderr=stderr)
    for line in (headline, *lines):
        screen.print(line)


def _headline(verification: "DamageReport", folder: str) -> str:
    folder, seconds = printable_path(folder), f"{verification.seconds:.1f} s"
    checked = f"{pluralize(verification.tracks, 'track')} ({format_size(verification.bytes)})"
    if verification.files is not None:
        checked += f", {pluralize(verification.files, 'file')}"
    checked += f", {pluralize(verification.songs, 'song')}, {pluralize(verification.links, 'link')}"
    if verification.counts:
        return f"{_damage_text(verification)} in {folder}; checked {checked}. {seconds}"
    if verification.stopped:
        return f"Stopped before the end in {folder}; no damage in what was checked, {checked}. {seconds}"
    return f"All is well in {folder}: {checked}. {seconds}"


def _damage_text(verification: "DamageReport") -> str:
    """Return how much is damaged, and how much is merely left over."""
    leftovers = _count_leftovers(verification)
    damages = verification.damage_count - leftovers
    parts = [pluralize(damages, "damage")] if damages else []
    if leftovers:
        parts.append(f"{pluralize(leftovers, 'leftover')} that no song needs")
    return " and ".join(parts)


def _count_leftovers(verification: "DamageReport") -> int:
    from midiprism.integrity.damage_report import LEFTOVER_KINDS

    return sum(verification.counts.get(kind, 0) for kind in LEFTOVER_KINDS)


def _damage_lines(verification: "DamageReport", *, verbose: bool) -> Iterator[str]:
    from midiprism.integrity.damage_report import DAMAGE_KINDS

    for kind, meaning in DAMAGE_KINDS.items():
        count = verification.counts.get(kind, 0)
        if not count:
            continue
        yield f"  {count:>10,}  {meaning}"
        shown = verification.examples[kind] if verbose else verification.examples[kind][:_MAX_SHOWN]
        yield from (f"            {line.strip()}" for line in _example_lines(shown, count))


def _example_lines(damages: "Iterable[Damage]", count: int) -> Iterator[str]:
    rest = count
    for damage in damages:
        rest -= 1
        yield f"  {printable_path(damage.name)}: {escape_unprintable(damage.message)}"
    if rest > 0:
        yield f"  and {rest:,} more"


def _advice_lines(verification: "DamageReport", result: "ResultLocation") -> Iterator[str]:
    if verification.counts.get("catalog"):
        path = os.path.join(result.folder, "catalog.sqlite")
        yield f"Move {printable_path(path)} away, with its -wal and -shm files if they exist. Then run the"
        yield "same `midiprism split` again, which makes it anew. The tracks are kept, and not rewritten."
    else:
        only_leftovers = _count_leftovers(verification) == verification.damage_count
        yield "To remove them:" if only_leftovers else "To repair it:"
        yield f"  midiprism verify {result.quoted} --repair"


def _repaired_lines(repair: "RepairReport") -> Iterator[str]:
    """Yield a line for each kind of repair."""
    counts = (
        ("restored", repair.files, "file of a track, from its song", "files of tracks, from their songs"),
        ("corrected", repair.rows, "size in the catalog", "sizes in the catalog"),
        ("split again", repair.songs, "song, to restore its links", "songs, to restore their links"),
        (
            "dropped",
            repair.lost_links,
            "lost song, which had only links left",
            "lost songs, which had only links left",
        ),
        ("removed", repair.unlinked, "track that no song has", "tracks that no song has"),
        (
            "written",
            repair.shards,
            "new Parquet file, which replaces a damaged one",
            "new Parquet files, which replace damaged ones",
        ),
        ("removed", repair.orphans, "file that belongs to no track", "files that belong to no track"),
        ("removed", repair.temporaries, "temporary file", "temporary files"),
    )
    if any(count for _, count, _, _ in counts):
        yield "Would be repaired:" if repair.dry_run else "Repaired:"
    for name, count, one, meaning in counts:
        if count:
            yield format_count(name, count, meaning, one=one)


def _remark_lines(verification: "DamageReport") -> Iterator[str]:
    if verification.counts.get("catalog"):
        return
    if verification.scope.is_sample:
        percent = f"{100 * verification.scope.share:g} %"
        yield f"This was a sample of {percent}; tracks without a song were not searched for."
    if verification.scope.first_run is not None:
        runs = f"run {verification.scope.first_run} and later ones"
        yield f"Only what {runs} recorded was checked; files without a track were not searched for."
    if verification.songs_without_path:
        songs = pluralize(verification.songs_without_path, "song")
        yield f"{songs} without a path: other songs are at their paths now. That is no damage."
    if verification.last_run_state and verification.last_run_state != "done":
        yield "The last run did not finish: first run the same `midiprism split` again, which completes it."
