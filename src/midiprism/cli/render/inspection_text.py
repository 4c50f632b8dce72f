"""Describe an inspection of a MIDI file in words."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from midiprism.cli.render.terminal import (
    WIDE,
    escape_unprintable,
    format_clock,
    make_console,
    make_table,
    pluralize,
    print_message,
    printable_path,
    rich_text,
)

if TYPE_CHECKING:
    from rich.table import Table

    from midiprism.smf import Inspection, Problem, SourceTrack, TempoChange

_MAX_TABLE_ROWS = 200
_MAX_CHANGES = 20
_CHANNELS_WIDTH = 12
_PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_SMPTE_FLAG = 0x8000
_SMPTE_FRAME_RATES = {24: "24", 25: "25", 29: "29.97", 30: "30"}


def print_inspection(file: str, inspection: "Inspection") -> None:
    """Print what is in a file: its header, a table of tracks, its changes and its problems."""
    console = make_console()
    for line in _header_lines(file, inspection):
        console.print(line)
    if inspection.tracks:
        if not console.is_terminal:
            console.width = WIDE
        console.print()
        console.print(_table(inspection.tracks[:_MAX_TABLE_ROWS]))
    for line in _footer_lines(inspection):
        console.print(line)
    if len(inspection.tracks) > _MAX_TABLE_ROWS:
        print_message(f"These are the first {_MAX_TABLE_ROWS} tracks: --json lists all.")


def pitch_name(pitch: int) -> str:
    """Return the name of a MIDI note number; 60 is C4."""
    return f"{_PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


def _header_lines(file: str, inspection: "Inspection") -> Iterator[str]:
    playing = sum(track.note_count > 0 for track in inspection.tracks)
    yield printable_path(file)
    yield f"  format    {inspection.format}"
    yield f"  division  {_format_division(inspection.division)}"
    yield f"  tracks    {inspection.num_tracks:,}, {playing:,} with notes"
    length = [f"{inspection.duration_ticks:,} ticks"]
    if inspection.duration_seconds is not None:
        length.append(f"{format_clock(inspection.duration_seconds)} ({inspection.duration_seconds:,.3f} s)")
    if inspection.duration_bars is not None:
        length.append(f"{inspection.duration_bars} bars:beats")
    yield f"  length    {', '.join(length)}"


def _format_division(division: int) -> str:
    if not division & _SMPTE_FLAG:
        return f"{division:,} ticks per quarter note"
    frames, ticks = 256 - (division >> 8), division & 0xFF
    if frames not in _SMPTE_FRAME_RATES or not ticks:
        return f"SMPTE, {division:#06x}, so ticks have no duration"
    return f"SMPTE, {_SMPTE_FRAME_RATES[frames]} frames per second, {pluralize(ticks, 'tick')} per frame"


def _table(tracks: Sequence["SourceTrack"]) -> "Table":
    table = make_table()
    # On a narrow screen, names, channels and instruments are cut or folded; the rest keeps its width.
    table.add_column("track", justify="right", no_wrap=True)
    table.add_column("name")
    table.add_column("channel", overflow="fold", max_width=_CHANNELS_WIDTH)
    table.add_column("instrument")
    table.add_column("notes", justify="right", no_wrap=True)
    table.add_column("range", no_wrap=True)
    table.add_column("bars:beats", justify="right", no_wrap=True)
    table.add_column("length", justify="right", no_wrap=True)
    for track in tracks:
        table.add_row(
            str(track.track_number + 1),
            rich_text(track.name or ""),
            " ".join(str(channel + 1) for channel in track.channels),
            rich_text(track.instrument or ""),
            str(track.note_count),
            _format_pitch_range(track.lowest_pitch, track.highest_pitch),
            track.duration_bars or "-",
            format_clock(track.duration_seconds),
        )
    return table


def _format_pitch_range(lowest: int | None, highest: int | None) -> str:
    if lowest is None or highest is None:
        return ""
    return pitch_name(lowest) if lowest == highest else f"{pitch_name(lowest)} to {pitch_name(highest)}"


def _footer_lines(inspection: "Inspection") -> Iterator[str]:
    """Yield what follows the table: the changes of tempo, meter and key, and the problems."""
    if inspection.format == 2:
        yield ""
        yield "Each track has its own tempo, meter and key (format 2)."
    else:
        tempi = [(change.tick, _format_tempo(change)) for change in inspection.tempo_map]
        if inspection.division & _SMPTE_FLAG:
            yield from _change_lines("tempo (without effect, since the division is SMPTE)", tempi, None)
        else:
            yield from _change_lines("tempo", tempi, "120.00 bpm")
        meters = [
            (meter.tick, f"{meter.numerator}/{meter.denominator}") for meter in inspection.time_signatures
        ]
        yield from _change_lines("meter", meters, "4/4")
    yield from _change_lines("key", [(key.tick, key.name) for key in inspection.key_signatures], None)
    yield from _encoding_lines(inspection.tracks)
    if inspection.problems:
        yield ""
        yield "problems"
        yield from (f"  {_format_problem(problem)}" for problem in inspection.problems)


def _encoding_lines(tracks: Sequence["SourceTrack"]) -> Iterator[str]:
    """Yield the event, the encoding and its reason for each name that is no plain track name in ASCII."""
    named = [track for track in tracks if track.name_event not in (None, "track name")]
    encoded = [track for track in tracks if track.name_encoding not in (None, "ascii")]
    listed = sorted({track.track_number: track for track in (*named, *encoded)}.items())
    if listed:
        yield ""
        yield "names"
    for number, track in listed[:_MAX_CHANGES]:
        reason = f"{track.name_encoding}, since {track.name_encoding_reason}"
        yield f"  track {number + 1}: {track.name_event}, {reason}"
    if len(listed) > _MAX_CHANGES:
        yield f"  and {len(listed) - _MAX_CHANGES:,} more; --json lists all"


def _change_lines(heading: str, changes: list[tuple[int, str]], default: str | None) -> Iterator[str]:
    """Yield a heading, the first changes with their ticks, and the number of others.

    Args:
        default: the value that holds where none is set; None if nothing does.
    """
    unset = default is not None and (not changes or changes[0][0] > 0)
    if changes or unset:
        yield ""
        yield heading
    if unset:
        yield f"  tick {0:>10,}  {default}, the default"
    for tick, value in changes[:_MAX_CHANGES]:
        yield f"  tick {tick:>10,}  {value}"
    if len(changes) > _MAX_CHANGES:
        yield f"  and {len(changes) - _MAX_CHANGES:,} more; --json lists all"


def _format_tempo(change: "TempoChange") -> str:
    speed = "no time passes" if change.bpm is None else f"{change.bpm:,.2f} bpm"
    return speed if change.seconds is None else f"{speed}  from {change.seconds:,.3f} s"


def _format_problem(problem: "Problem") -> str:
    where = [] if problem.track is None else [f"track {problem.track + 1}"]
    if problem.offset is not None:
        where.append(f"byte {problem.offset:,}")
    place = f"{', '.join(where)}: " if where else ""
    return escape_unprintable(f"{place}{problem.message} ({problem.code})")
