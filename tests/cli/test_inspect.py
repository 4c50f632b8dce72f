"""Tests of ``midiprism inspect``, as people and scripts use it."""

import dataclasses
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import midiprism
from midiprism.cli import main
from midiprism.cli.render.inspection_json import print_inspection_json
from midiprism.cli.render.inspection_text import pitch_name
from midiprism.smf import Inspection, KeySignature, SourceTrack, TempoChange, TimeSignature
from support.midi_writer import (
    key_signature,
    meta,
    note,
    note_on,
    program_change,
    song,
    tempo,
    time_signature,
    track,
    track_name,
)

HOSTILE_NAME = "\x1b[31m[bold]\u202eevil\nline"
SONG = song(
    track(
        [(0, tempo(600_000)), (0, time_signature(3, 2)), (0, key_signature(2)), (1440, tempo(300_000))],
        end=5760,
    ),
    track(
        [(0, track_name(b"Lead")), (0, program_change(3, 73)), *note(3, 60, 0, 480), *note(5, 73, 480, 480)],
        end=960,
    ),
    track([(0, track_name(b"Kit")), *note(9, 36, 0, 480)]),
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_inspect(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("midiprism.smf.kernel.split_kernel.is_compiled", lambda: True)

    def run_command(*arguments: object) -> tuple[int, str, str]:
        code = main(["inspect", *map(str, arguments)])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        assert "\x1b" not in captured.out + captured.err
        return code, captured.out, captured.err

    return run_command


def write_song(data: bytes, path: str = "song.mid") -> str:
    Path(path).write_bytes(data)
    return path


def section_lines(out: str, heading: str) -> list[str]:
    """Return the lines under a heading, without the indent."""
    lines = out.splitlines()
    first = lines.index(heading) + 1
    return [line.strip() for line in lines[first : [*lines, ""].index("", first)]]


def test_a_song_is_described_in_words(run_inspect: Run) -> None:
    code, out, err = run_inspect(write_song(SONG))
    assert (code, err) == (0, "")
    head, table = out.split("\n\n")[:2]
    assert head.splitlines() == [
        "song.mid",
        "  format    1",
        "  division  480 ticks per quarter note",
        "  tracks    3, 2 with notes",
        "  length    5,760 ticks, 0:04 (4.500 s), 4:0 bars:beats",
    ]
    assert [line.split() for line in table.splitlines()] == [
        ["track", "name", "channel", "instrument", "notes", "range", "bars:beats", "length"],
        ["1", "0", "4:0", "0:04"],
        ["2", "Lead", "4", "6", "Flute", "2", "C4", "to", "C#5", "0:2", "0:01"],
        ["3", "Kit", "10", "Standard", "Kit", "1", "C2", "0:1", "0:01"],
    ]
    assert section_lines(out, "tempo") == [
        "tick          0  100.00 bpm  from 0.000 s",
        "tick      1,440  200.00 bpm  from 1.800 s",
    ]
    assert section_lines(out, "meter") == ["tick          0  3/4"]
    assert section_lines(out, "key") == ["tick          0  D major"]
    assert "problems" not in out


def test_defaults_are_shown_if_nothing_is_set(run_inspect: Run) -> None:
    _, out, _ = run_inspect(write_song(song(track([(480, tempo(250_000)), *note(0, 60, 480, 1)]))))
    assert section_lines(out, "tempo") == [
        "tick          0  120.00 bpm, the default",
        "tick        480  240.00 bpm  from 0.500 s",
    ]
    assert section_lines(out, "meter") == ["tick          0  4/4, the default"]
    assert "\nkey\n" not in out


def test_a_long_tempo_map_is_cut_with_a_message(run_inspect: Run) -> None:
    path = write_song(song(track([(tick, tempo(500_000 + tick)) for tick in range(50)])))
    lines = section_lines(run_inspect(path)[1], "tempo")
    assert (len(lines), lines[-1]) == (21, "and 30 more; --json lists all")
    assert len(json.loads(run_inspect(path, "--json")[1])["tempo_map"]) == 50
    path = write_song(song(track([(tick, tempo(500_000 + tick)) for tick in range(20)])))
    assert len(section_lines(run_inspect(path)[1], "tempo")) == 20


def test_a_tempo_of_0_does_not_divide_by_0(run_inspect: Run) -> None:
    path = write_song(song(track([(0, tempo(0))], end=480)))
    assert section_lines(run_inspect(path)[1], "tempo") == ["tick          0  no time passes  from 0.000 s"]
    assert json.loads(run_inspect(path, "--json")[1])["tempo_map"][0]["bpm"] is None


def test_a_long_table_of_tracks_is_cut_with_a_message(run_inspect: Run) -> None:
    path = write_song(song(*[track(end=1)] * 201))
    code, out, err = run_inspect(path)
    assert (code, "first 200 tracks" in err) == (0, True)
    assert len(out.split("\n\n")[1].splitlines()) == 201
    assert len(json.loads(run_inspect(path, "--json")[1])["tracks"]) == 201


def test_problems_have_byte_offsets(run_inspect: Run) -> None:
    data = song(track([(0, tempo(500_000))]), track([(0, note_on(0, 60))])[:-4], count=7)
    code, out, _ = run_inspect(write_song(data))
    assert code == 0
    chunk, end = data.rindex(b"MTrk"), len(data)
    lines = section_lines(out, "problems")
    assert lines[0] == "byte 10: the header counts other tracks than the 2 that were found (track_count)"
    assert [(line.split(":")[0], line.split()[-1]) for line in lines[1:]] == [
        (f"track 2, byte {chunk + 4}", "(track_truncated)"),
        (f"byte {end}", "(music_lost)"),
        (f"track 2, byte {end}", "(missing_end_of_track)"),
        (f"track 2, byte {end}", "(hanging_notes)"),
    ]


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1_700])
def test_json_is_printed_in_short_pieces(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    inspection = midiprism.inspect(song(track([(tick, tempo(tick + 1)) for tick in range(count)])))
    pieces: list[str] = []
    monkeypatch.setattr("typer.echo", lambda text, nl: pieces.append(text + "\n" * nl))
    print_inspection_json("a.mid", inspection)
    assert json.loads("".join(pieces)) == json.loads(
        json.dumps({"file": "a.mid", **dataclasses.asdict(inspection)})
    )
    assert "".join(pieces).count("\n") == 1
    assert max(map(len, pieces)) < 60_000


def test_json_has_the_keys_of_the_python_api(run_inspect: Run) -> None:
    data = song(
        track([(0, key_signature(2)), (0, tempo(500_000)), (0, time_signature(4, 2)), *note(9, 36, 0, 1)]),
        count=2,
    )
    code, out, err = run_inspect(write_song(data), "--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    facts = json.loads(out)

    def keys(kind: Any) -> list[str]:
        return [field.name for field in dataclasses.fields(kind)]

    assert list(facts) == ["file", *keys(Inspection)]
    assert list(facts["tracks"][0]) == keys(SourceTrack)
    assert list(facts["tempo_map"][0]) == keys(TempoChange)
    assert list(facts["time_signatures"][0]) == keys(TimeSignature)
    assert list(facts["key_signatures"][0]) == keys(KeySignature)
    assert list(facts["problems"][0]) == keys(midiprism.Problem)
    assert (facts["file"], facts["tracks"][0]["track_number"], facts["tracks"][0]["channels"]) == (
        "song.mid",
        0,
        [9],
    )
    assert facts["problems"][0]["offset"] == 10


def test_every_key_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "commands" / "inspect.md"
    text = page.read_text(encoding="utf-8")
    kinds = (Inspection, SourceTrack, TempoChange, TimeSignature, KeySignature, midiprism.Problem)
    names = [field.name for kind in kinds for field in dataclasses.fields(kind)]
    assert [name for name in ["file", *names] if f"`{name}`" not in text] == []


def test_hostile_names_are_escaped(run_inspect: Run) -> None:
    data = song(track([(0, track_name(HOSTILE_NAME.encode())), *note(0, 60, 0, 1)]))
    path = write_song(data, f"{HOSTILE_NAME}.mid")
    code, out, _ = run_inspect(path)
    shown = "\\x1b[31m[bold]\\u202eevil\\nline"
    assert (code, out.splitlines()[0]) == (0, f"{shown}.mid")
    assert f"    1  {shown}  1 " in out
    facts = json.loads(run_inspect(path, "--json")[1])
    assert (facts["file"], facts["tracks"][0]["name"]) == (f"{HOSTILE_NAME}.mid", HOSTILE_NAME)
    code, _, err = run_inspect(write_song(b"no music", f"{HOSTILE_NAME}.txt"))
    assert (code, err.count("\n"), shown in err) == (1, 1, True)


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are not text")
def test_a_path_that_is_not_text_is_read(run_inspect: Run) -> None:
    path = os.fsdecode(b"\xff.mid")
    write_song(SONG, path)
    assert run_inspect(path)[1].startswith("\\xff.mid\n")
    assert json.loads(run_inspect(path, "--json")[1])["file"] == path


def test_a_file_in_gzip_is_read(run_inspect: Run) -> None:
    code, out, _ = run_inspect(write_song(gzip.compress(SONG), "song.mid.gz"))
    assert (code, "Standard Kit" in out) == (0, True)
    assert section_lines(out, "problems") == [
        "byte 0: the file is compressed with gzip; its content was read (gzip)"
    ]


@pytest.mark.parametrize(
    ("division", "words"),
    [
        (0xE728, "SMPTE, 25 frames per second, 40 ticks per frame"),
        (0xE301, "SMPTE, 29.97 frames per second, 1 tick per frame"),
        (0xE700, "SMPTE, 0xe700, so ticks have no duration"),
        (0x9C28, "SMPTE, 0x9c28, so ticks have no duration"),
    ],
)
def test_an_smpte_division_is_described_in_words(run_inspect: Run, division: int, words: str) -> None:
    data = song(track([(0, tempo(500_000)), *note(0, 60, 0, 1000)]), division=division)
    code, out, _ = run_inspect(write_song(data))
    assert (code, f"  division  {words}\n" in out, "bars:beats\n" in out) == (0, True, False)
    assert len(section_lines(out, "tempo (without effect, since the division is SMPTE)")) == 1
    timeless = "no duration" in words
    assert ("  length    1,000 ticks\n" in out) == timeless
    assert ("division_smpte" in out) == timeless


def test_format_2_has_no_common_tempo_map(run_inspect: Run) -> None:
    code, out, _ = run_inspect(
        write_song(song(track([(0, tempo(250_000)), *note(0, 60, 0, 480)]), midi_format=2))
    )
    assert (code, "Each track has its own tempo, meter and key (format 2)." in out) == (0, True)
    assert "tempo\n" not in out


def test_a_file_without_tracks_is_described(run_inspect: Run) -> None:
    code, out, _ = run_inspect(write_song(song()))
    assert (code, "  tracks    0, 0 with notes\n" in out) == (0, True)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_file_that_is_not_midi_exits_1(run_inspect: Run, options: list[str]) -> None:
    assert run_inspect(write_song(b"no music"), *options) == (
        1,
        "",
        "midiprism: song.mid: The file is no MIDI file: it has no MThd header. (not_midi, at byte 0)\n",
    )


def test_a_file_that_cannot_be_read_exits_1(run_inspect: Run, tmp_path: Path) -> None:
    assert run_inspect("gone.mid") == (
        1,
        "",
        "midiprism: gone.mid: It cannot be read: No such file or directory.\n",
    )
    if hasattr(os, "mkfifo"):
        os.mkfifo("pipe")
        assert run_inspect("pipe") == (1, "", "midiprism: pipe: It is not a regular file.\n")


def test_a_file_that_is_too_large_exits_1(run_inspect: Run) -> None:
    with open("large.mid", "wb") as file:
        file.truncate(midiprism.Limits().input_bytes + 1)
    code, _, err = run_inspect("large.mid")
    assert (code, "more than 67,108,864 bytes" in err) == (1, True)


def test_a_folder_exits_2(run_inspect: Run, tmp_path: Path) -> None:
    assert run_inspect(tmp_path)[0] == 2
    assert run_inspect()[0] == 2


def test_a_compilation_is_announced_on_standard_error(
    run_inspect: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midiprism.smf.kernel.split_kernel.is_compiled", lambda: False)
    _, out, err = run_inspect(write_song(SONG), "--json")
    assert (json.loads(out)["num_tracks"], "Compiling" in err) == (3, True)


def test_help_loads_no_compiler() -> None:
    code = (
        "import sys; from midiprism.cli import main; main(['inspect', '--help']); "
        "print({'numba', 'numpy', 'rich.table'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_pitches_have_names() -> None:
    assert [pitch_name(pitch) for pitch in (0, 21, 60, 61, 127)] == ["C-1", "A0", "C4", "C#4", "G9"]


def test_the_encoding_of_each_name_is_shown_with_its_reason(run_inspect: Run) -> None:
    path = write_song(
        song(
            track([(0, track_name(b"Fl\xfcgel")), *note(0, 60, 0, 1)]),
            track([(0, track_name(b"Bass")), *note(1, 40, 0, 1)]),
            track([(0, meta(4, b"Oboe")), *note(2, 60, 0, 1)]),
        )
    )
    _, out, _ = run_inspect(path)
    assert section_lines(out, "names") == [
        "track 1: track name, cp1252, since it looks most like German",
        "track 3: instrument name, ascii, since all of its bytes are ASCII",
    ]
    _, out, _ = run_inspect(path, "--encoding", "windows-1250")
    assert section_lines(out, "names")[0] == "track 1: track name, cp1250, since it was asked for"
    (first, *_) = json.loads(run_inspect(path, "--encoding", "cp1250", "--json")[1])["tracks"]
    assert (first["name_event"], first["name_encoding_reason"]) == ("track name", "it was asked for")
    assert "names" not in run_inspect(write_song(SONG))[1].splitlines()


def test_an_encoding_that_does_not_extend_ascii_is_a_usage_error(run_inspect: Run) -> None:
    code, _, err = run_inspect(write_song(SONG), "--encoding", "utf-16")
    assert code == 2
    assert "extends ASCII" in err


def test_many_names_are_cut_with_a_message(run_inspect: Run) -> None:
    path = write_song(song(*[track([(0, track_name(b"Fl\xfcgel"))])] * 25))
    lines = section_lines(run_inspect(path)[1], "names")
    assert len(lines) == 21
    assert lines[-1] == "and 5 more; --json lists all"


def test_hostile_names_of_any_encoding_are_made_safe(run_inspect: Run) -> None:
    hostile = HOSTILE_NAME + "\u2066\x00\x9b"
    path = write_song(
        song(
            track([(0, track_name(b"\xff\xfe" + hostile.encode("utf-16-le")))]),
            track([(0, meta(4, b"\xef\xbb\xbf" + hostile.encode())), *note(2, 60, 0, 1)]),
        )
    )
    _, out, _ = run_inspect(path)
    assert not {"\x1b", "\u202e", "\u2066", "\x00", "\x9b"} & {*out}
