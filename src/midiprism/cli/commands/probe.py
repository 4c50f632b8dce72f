"""``midiprism probe``: measure how fast disks and memory do what a run does there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midiprism.cli import exit_codes
from midiprism.cli.interrupt import terminable
from midiprism.cli.options import JsonOption, QuietOption, parse_path
from midiprism.cli.render.probe_json import mount_point_to_json, path_text, speeds_to_json
from midiprism.cli.render.probe_text import print_plan, print_speeds
from midiprism.cli.render.terminal import print_json, print_message, printable_path
from midiprism.errors import StoreError

if TYPE_CHECKING:
    from midiprism.advise.probe.disk_results import DiskSpeed
    from midiprism.advise.probe.mounts import MountPoint


def probe(
    folders: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DIR...",
            parser=parse_path,
            help="Folders on the disks to measure.  [default: every mounted disk and memory file system that "
            "can be written]",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be measured, and write nothing.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Measure how fast disks and memory do what a run does there, and rank them.

    Each takes less than 10 seconds, in a temporary folder that is removed at the end. The figures are kept
    for a month: `midiprism split` uses them to suggest a much faster disk.
    """
    from midiprism.advise.probe.mounts import find_mount_points, mount_points_of

    mount_points = mount_points_of(folders) if folders else find_mount_points()
    usable = [mount_point for mount_point in mount_points if mount_point.skip_reason is None]
    skipped = [mount_point for mount_point in mount_points if mount_point.skip_reason is not None]
    if dry_run or not quiet:
        print_plan(usable, skipped, dry_run=dry_run)
    facts: dict[str, Any] = {
        "dry_run": dry_run,
        "skipped": [
            {"path": path_text(mount_point.location.path), "reason": mount_point.skip_reason}
            for mount_point in skipped
        ],
    }
    failed = bool(folders and skipped)
    if dry_run:
        facts["places"] = [mount_point_to_json(mount_point) for mount_point in usable]
    else:
        with terminable():
            speeds, errors = _measure(usable, quiet=quiet)
        failed = failed or bool(errors)
        facts |= speeds_to_json(speeds)
        facts["failed"] = [{"path": path_text(path), "message": message} for path, message in errors]
        print_speeds(speeds, stderr=as_json)
    if not usable:
        print_message("There is nothing to measure: name a folder that can be written.")
        failed = True
    if as_json:
        print_json(facts)
    return exit_codes.FAILED if failed else exit_codes.DONE


def _measure(
    mount_points: Sequence["MountPoint"], *, quiet: bool
) -> tuple[list["DiskSpeed"], list[tuple[str, str]]]:
    """Return the speeds, the fastest first, and the paths that could not be measured with the reasons."""
    from midiprism.advise.probe.disk_results import rank_for_output, save_disk_speed
    from midiprism.advise.probe.probe import probe as measure

    speeds: list[DiskSpeed] = []
    errors: list[tuple[str, str]] = []
    for mount_point in mount_points:
        path = mount_point.location.path
        if not quiet:
            typer.echo(f"Measuring {printable_path(path)} ...", err=True)
        try:
            speed = measure(path)
        except StoreError as error:
            print_message(str(error))
            errors.append((path, str(error)))
            continue
        speeds.append(speed)
        try:
            save_disk_speed(speed)
        except StoreError as error:
            print_message(str(error))
    return rank_for_output(speeds), errors
