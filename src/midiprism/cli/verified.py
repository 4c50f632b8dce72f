"""What a check found and a repair did, for people."""

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from midiprism.cli.terminal import clean, clean_path, clock, complain, console, plural, size

if TYPE_CHECKING:
    from midiprism.run.findings import Checking, Damage, Repair, Verification

_SHOWN = 5
_DOING = {
    "catalogue": "checking the catalogue",
    "tracks": "tracks",
    "files": "files",
    "songs": "songs",
    "mending": "mending, songs",
}


def far(checking: "Checking") -> str:
    """How far a check is, in words."""
    doing = _DOING[checking.stage]
    if checking.stage == "catalogue":
        return f"{doing}, {clock(checking.seconds)}"
    of = f" of {checking.total:,}" if checking.total is not None else ""
    parts = [f"{doing}: {checking.seen:,}{of}"]
    if checking.total:
        parts.append(f"{100 * min(checking.seen, checking.total) / checking.total:.0f} %")
    if checking.damaged:
        parts.append(f"{checking.damaged:,} damaged")
    return ", ".join(parts)


def report(found: "Verification", out: str, named: str, *, quiet: bool, verbose: bool, stderr: bool) -> None:
    """Print what a check found, and what to do about it.

    Args:
        named: the result as a command takes it.
    """
    lines = [*_findings(found, verbose=verbose)]
    if found.counts:
        lines += _advice(found, out, named)
    _print(
        _headline(found, out), [*lines, *_notes(found)], quiet=quiet, stderr=stderr, bad=bool(found.counts)
    )


def report_repair(done: "Repair", out: str, named: str, *, quiet: bool, verbose: bool, stderr: bool) -> None:
    """Print what a check found, what was mended, and what was not."""
    found = done.found
    lines = [*_findings(found, verbose=verbose), *_mended(done)]
    if done.unmended:
        lines.append("Cannot be mended:" if done.dry_run else "Not mended:")
        shown = done.unmended if verbose else done.unmended[:_SHOWN]
        lines += _named(shown, done.left)
    if done.dry_run and found.counts and not done.stopped and not found.counts.get("catalog"):
        lines += ["Nothing was written. To mend it:", f"  midiprism verify {named} --repair"]
    elif found.counts.get("catalog"):
        lines += _advice(found, out, named)
    elif done.stopped:
        lines.append("Stopped before the end; the same command goes on.")
    _print(_headline(found, out), [*lines, *_notes(found)], quiet=quiet, stderr=stderr, bad=done.left > 0)


def _print(head: str, lines: list[str], *, quiet: bool, stderr: bool, bad: bool) -> None:
    if quiet:
        for line in (head, *lines) if bad else ():
            complain(line.strip())
        return
    screen = console(stderr=stderr)
    for line in (head, *lines):
        screen.print(line)


def _headline(found: "Verification", out: str) -> str:
    where, seconds = clean_path(out), f"{found.seconds:.1f} s"
    looked = f"{plural(found.tracks, 'track')} ({size(found.bytes)})"
    if found.files is not None:
        looked += f", {plural(found.files, 'file')}"
    looked += f", {plural(found.parents, 'song')}, {plural(found.links, 'link')}"
    if found.counts:
        return f"{plural(found.damaged, 'damage')} in {where}; checked {looked}. {seconds}"
    if found.stopped:
        return f"Stopped before the end in {where}; no damage in what was checked, {looked}. {seconds}"
    return f"All is well in {where}: {looked}. {seconds}"


def _findings(found: "Verification", *, verbose: bool) -> Iterator[str]:
    from midiprism.run.findings import KINDS

    for kind, meaning in KINDS.items():
        count = found.counts.get(kind, 0)
        if not count:
            continue
        yield f"  {count:>10,}  {meaning}"
        shown = found.examples[kind] if verbose else found.examples[kind][:_SHOWN]
        yield from (f"            {line.strip()}" for line in _named(shown, count))


def _named(shown: "Iterable[Damage]", count: int) -> Iterator[str]:
    rest = count
    for damage in shown:
        rest -= 1
        yield f"  {clean_path(damage.name)}: {clean(damage.message)}"
    if rest > 0:
        yield f"  and {rest:,} more"


def _advice(found: "Verification", out: str, named: str) -> Iterator[str]:
    if found.counts.get("catalog"):
        path = os.path.join(out, "catalog.sqlite")
        yield f"Move {clean_path(path)} away, and its -wal and -shm with it if they are there. Then give"
        yield "the same `midiprism split` again, which makes it anew. The tracks are kept, and not rewritten."
    else:
        yield "To mend it:"
        yield f"  midiprism verify {named} --repair"


def _mended(done: "Repair") -> Iterator[str]:
    """A line for each thing that was done."""
    counts = (
        ("restored", done.files, "files of tracks, from their songs"),
        ("corrected", done.rows, "sizes in the catalogue"),
        ("split again", done.parents, "songs, for their links"),
        ("dropped", done.lost_links, "lost songs, of which only links were left"),
        ("removed", done.unlinked, "tracks that no song has"),
        ("written", done.shards, "Parquet files anew, in the place of damaged ones"),
        ("removed", done.orphans, "files that no track speaks of"),
        ("removed", done.temporaries, "temporary files"),
    )
    if any(count for _, count, _ in counts):
        yield "Would be mended:" if done.dry_run else "Mended:"
    for name, count, meaning in counts:
        if count:
            yield f"  {name:<12} {count:>10,}  {meaning}"


def _notes(found: "Verification") -> Iterator[str]:
    if found.counts.get("catalog"):
        return
    if found.scope.sampled:
        yield (
            f"This was a sample of {100 * found.scope.share:g} %; tracks that no song links to were not "
            "looked for."
        )
    if found.scope.first_run is not None:
        yield (
            f"This was what run {found.scope.first_run} and later ones recorded; files that no track speaks "
            "of were not looked for."
        )
    if found.pathless:
        yield f"{plural(found.pathless, 'song')} without a path: others are at theirs now. That is no damage."
    if found.unfinished and found.unfinished != "done":
        yield (
            "The last run did not end by itself: give the same `midiprism split` again first, which goes on "
            "with what it left."
        )
