"""What a check found and a repair did, for people."""

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_clock,
    format_size,
    make_console,
    pluralize,
    print_message,
    printable_path,
)

if TYPE_CHECKING:
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
    """How far a check is, in words."""
    doing = _STAGE_DESCRIPTIONS[progress.stage]
    if progress.stage == "catalog":
        return f"{doing}, {format_clock(progress.seconds)}"
    of = f" of {progress.total:,}" if progress.total is not None else ""
    parts = [f"{doing}: {progress.seen:,}{of}"]
    if progress.total:
        parts.append(f"{100 * min(progress.seen, progress.total) / progress.total:.0f} %")
    if progress.damage_count:
        parts.append(f"{progress.damage_count:,} damaged")
    return ", ".join(parts)


def print_verification(
    verification: "DamageReport", out: str, quoted_result: str, *, quiet: bool, verbose: bool, stderr: bool
) -> None:
    """Print what a check found, and what to do about it.

    Args:
        named: the result as a command takes it.
    """
    lines = [*_damage_lines(verification, verbose=verbose)]
    if verification.counts:
        lines += _advice_lines(verification, out, quoted_result)
    _print(
        _headline(verification, out),
        [*lines, *_remark_lines(verification)],
        quiet=quiet,
        stderr=stderr,
        damaged=bool(verification.counts),
    )


def print_repair(
    repair: "RepairReport", out: str, quoted_result: str, *, quiet: bool, verbose: bool, stderr: bool
) -> None:
    """Print what a check found, what was mended, and what was not."""
    found = repair.damage_report
    lines = [*_damage_lines(found, verbose=verbose), *_repaired_lines(repair)]
    if repair.unrepaired:
        lines.append("Cannot be mended:" if repair.dry_run else "Not mended:")
        shown = repair.unrepaired if verbose else repair.unrepaired[:_MAX_SHOWN]
        lines += _example_lines(shown, repair.unrepaired_count)
    if repair.dry_run and found.counts and not repair.stopped and not found.counts.get("catalog"):
        lines += ["Nothing was written. To mend it:", f"  midiprism verify {quoted_result} --repair"]
    elif found.counts.get("catalog"):
        lines += _advice_lines(found, out, quoted_result)
    elif repair.stopped:
        lines.append("Stopped before the end; the same command goes on.")
    _print(
        _headline(found, out),
        [*lines, *_remark_lines(found)],
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


def _headline(verification: "DamageReport", out: str) -> str:
    where, seconds = printable_path(out), f"{verification.seconds:.1f} s"
    looked = f"{pluralize(verification.tracks, 'track')} ({format_size(verification.bytes)})"
    if verification.files is not None:
        looked += f", {pluralize(verification.files, 'file')}"
    looked += f", {pluralize(verification.songs, 'song')}, {pluralize(verification.links, 'link')}"
    if verification.counts:
        return f"{pluralize(verification.damage_count, 'damage')} in {where}; checked {looked}. {seconds}"
    if verification.stopped:
        return f"Stopped before the end in {where}; no damage in what was checked, {looked}. {seconds}"
    return f"All is well in {where}: {looked}. {seconds}"


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


def _advice_lines(verification: "DamageReport", out: str, quoted_result: str) -> Iterator[str]:
    if verification.counts.get("catalog"):
        path = os.path.join(out, "catalog.sqlite")
        yield f"Move {printable_path(path)} away, and its -wal and -shm with it if they are there. Then give"
        yield "the same `midiprism split` again, which makes it anew. The tracks are kept, and not rewritten."
    else:
        yield "To mend it:"
        yield f"  midiprism verify {quoted_result} --repair"


def _repaired_lines(repair: "RepairReport") -> Iterator[str]:
    """A line for each thing that was done."""
    counts = (
        ("restored", repair.files, "files of tracks, from their songs"),
        ("corrected", repair.rows, "sizes in the catalogue"),
        ("split again", repair.songs, "songs, for their links"),
        ("dropped", repair.lost_links, "lost songs, of which only links were left"),
        ("removed", repair.unlinked, "tracks that no song has"),
        ("written", repair.shards, "Parquet files anew, in the place of damaged ones"),
        ("removed", repair.orphans, "files that no track speaks of"),
        ("removed", repair.temporaries, "temporary files"),
    )
    if any(count for _, count, _ in counts):
        yield "Would be mended:" if repair.dry_run else "Mended:"
    for name, count, meaning in counts:
        if count:
            yield f"  {name:<12} {count:>10,}  {meaning}"


def _remark_lines(verification: "DamageReport") -> Iterator[str]:
    if verification.counts.get("catalog"):
        return
    if verification.scope.is_sample:
        yield (
            f"This was a sample of {100 * verification.scope.share:g} %; tracks that no song links to were not "
            "looked for."
        )
    if verification.scope.first_run is not None:
        yield (
            f"This was what run {verification.scope.first_run} and later ones recorded; files that no track speaks "
            "of were not looked for."
        )
    if verification.songs_without_path:
        yield f"{pluralize(verification.songs_without_path, 'song')} without a path: others are at theirs now. That is no damage."
    if verification.last_run_state and verification.last_run_state != "done":
        yield (
            "The last run did not end by itself: give the same `midiprism split` again first, which goes on "
            "with what it left."
        )
