import pytest
from hypothesis import given
from hypothesis import strategies as st

from midiprism.cli.render.terminal import (
    escape_unprintable,
    format_clock,
    format_size,
    pluralize,
    printable_path,
    shell_quote,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [bold]text[/]", "plain [bold]text[/]"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("two\nlines\ttab\r", "two\\nlines\\ttab\\r"),
        ("evil\u202egpj", "evil\\u202egpj"),
        ("csi\x9b31m", "csi\\x9b31m"),
        ("ピアノ　é", "ピアノ　é"),
        ("\udcff\udc80", "\\xff\\x80"),
        ("\ud800", "\\ud800"),
    ],
)
def test_invisible_characters_are_escaped(text: str, shown: str) -> None:
    assert escape_unprintable(text) == shown


@given(st.text(st.characters(exclude_categories=[])))
def test_no_control_character_remains(text: str) -> None:
    shown = escape_unprintable(text)
    assert all(character.isprintable() or character.isspace() for character in shown)
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in shown)
    shown.encode()


def test_paths_are_escaped_and_quoted() -> None:
    assert printable_path(b"/m/\xff.mid") == "/m/\\xff.mid"
    assert shell_quote("my songs; rm -rf") == "'my songs; rm -rf'"


def test_sizes_lengths_and_counts_are_formatted() -> None:
    assert [format_size(n) for n in (0, 999, 1000, 15_400_000, 3 * 10**12)] == [
        "0 bytes",
        "999 bytes",
        "1.0 KB",
        "15.4 MB",
        "3.0 TB",
    ]
    assert [format_clock(s) for s in (None, 0.4, 59.6, 3_725)] == ["-", "0:00", "1:00", "1:02:05"]
    assert [pluralize(n, "song") for n in (0, 1, 2000)] == ["0 songs", "1 song", "2,000 songs"]
