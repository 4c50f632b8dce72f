import pytest
from hypothesis import given
from hypothesis import strategies as st

from midiprism.catalog import LinkRecord, TrackRecord, TrackRow
from midiprism.errors import UsageError
from midiprism.export.path_template import FIELDS, PRESETS, PathTemplate, song_path


def row(
    song: str = "Beatles/Help",
    name: str | None = "Lead",
    channel: int | None = 3,
    parts: int = 1,
    drum_piece: int | None = None,
) -> TrackRow:
    track = TrackRecord(
        digest=bytes(32),
        name=name,
        instrument="Acoustic Grand Piano",
        family="Piano",
        channel=channel,
        program=None,
        note_count=77,
        lowest_pitch=1,
        highest_pitch=2,
        duration_ticks=3,
        duration_seconds=None,
        size=9,
        stem="Lead",
    )
    link = LinkRecord(
        track_number=4,
        port=None,
        channel=channel,
        program=None,
        drum_piece=drum_piece,
        part_count=parts,
        name=name,
        name_encoding=None,
        instrument="Slap Bass 1",
        family="Bass",
        track=track,
    )
    return TrackRow(song_id=1, song_path=b"/m/x.mid", root_length=3, song_name=song, link=link)


def render(template: str, track: TrackRow) -> str:
    return "/".join(PathTemplate(template).render(track, song_path(track)))


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("song", "Beatles/Help/05 Lead (Slap Bass 1)"),
        ("instrument", "Bass/Slap Bass 1/Help - 05 Lead"),
        ("{song_path}.mid", "Beatles/Help"),
        ("x{song_path}y", "xBeatles/Helpy"),
        ("{song} {track} {track:03} {channel:02} {notes}", "Help 5 005 04 77"),
        ("{program}{drum_piece}{digest}", "0" * 64),
        ("{song}/{{x}}.MID", "Help/{x}"),
    ],
)
def test_fields_are_filled_in(template: str, path: str) -> None:
    assert render(template, row()) == path


def test_missing_values_leave_no_gaps() -> None:
    assert render("{channel} {name}", row(channel=None)) == "Lead"
    assert render("{program}/{name}", row()) == "unnamed/Lead"


def test_a_track_without_a_name_is_named_by_its_instrument() -> None:
    assert render("{name}", row(name=None)) == "Slap Bass 1"


def test_parts_of_one_track_are_distinguished_by_their_instrument() -> None:
    assert render("{name}", row(parts=3)) == "Lead - Slap Bass 1"
    assert render("{name}", row(parts=3, name="Slap Bass 1")) == "Slap Bass 1"


def test_a_drum_piece_is_a_field() -> None:
    assert render("{drum_piece:03} {name}", row(drum_piece=36)) == "036 Lead"


def test_only_the_songs_path_makes_folders() -> None:
    assert render("{name}", row(name="AC/DC")) == "AC_DC"


def test_a_label_names_the_instrument_once() -> None:
    assert render("{label}", row()) == "Lead (Slap Bass 1)"
    assert render("{label}", row(name=None)) == "Slap Bass 1"
    assert render("{label}", row(name="SLAP BASS 1")) == "Slap Bass 1"
    assert render("{label}", row(name="My slap bass 1 track")) == "My slap bass 1 track"
    assert render("{song}", row(song="a/b")) == "b"


@pytest.mark.parametrize("template", ["", "/x", "a//b", "../{name}", "a/../b", "./x", "a/"])
def test_a_path_that_leaves_the_folder_is_refused(template: str) -> None:
    with pytest.raises(UsageError, match="below the folder"):
        PathTemplate(template)


@pytest.mark.parametrize("template", ["tempo", "x/y.mid", "{{name}}", "{family}/{instrument}", "{notes:04}"])
def test_a_template_without_a_field_that_tells_tracks_apart_is_refused(template: str) -> None:
    with pytest.raises(UsageError, match="many tracks the same name: it needs one of"):
        PathTemplate(template)


@pytest.mark.parametrize("template", ["{artist}", "{}", "{0}", "{name.x}", "{name[0]}", "{name!r}"])
def test_an_unknown_field_is_refused_with_the_list_of_fields(template: str) -> None:
    with pytest.raises(UsageError) as raised:
        PathTemplate(template)
    assert all(f"{{{field}}}" in str(raised.value) for field in FIELDS)


@pytest.mark.parametrize(
    "template", ["{name:>99999999}", "{track:1000000000d}", "{track:{notes}}", "{name:02}"]
)
def test_formats_that_are_not_for_numbers_are_refused(template: str) -> None:
    with pytest.raises(UsageError, match="format"):
        PathTemplate(template)


def test_a_template_with_an_open_brace_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        PathTemplate("{name")


names = st.text() | st.sampled_from(["..", "/", "../..", "CON", "", " ", "a\0b", "\x1b[31m"])


@given(st.sampled_from([*PRESETS, "{name}", "{song}/{name}"]), names, names)
def test_no_name_leaves_the_folder(template: str, song: str, name: str) -> None:
    track = row(song=song, name=name or None)
    parts = PathTemplate(template).render(track, song_path(track))
    assert parts
    assert all(part not in ("", ".", "..") and "/" not in part and "\0" not in part for part in parts)
    assert all(len(part.encode()) <= 120 for part in parts)


def test_names_of_megabytes_are_cut_before_anything_is_done_with_them() -> None:
    marks = "a" + "\u0301\u0327" * (
        1 << 20
    )  # to order them takes time that grows with the square of their number
    for name in (marks, "\u0301" * (1 << 21), "x" * (1 << 22)):
        (file,) = PathTemplate("{label}").render(row(name=name), ())
        assert len(file.encode()) <= 120
