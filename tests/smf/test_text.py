"""Tests of reading text of an unknown encoding."""

import pytest

from midiprism.smf.text import MAX_TEXT_BYTES, decode_text


@pytest.mark.parametrize(
    ("raw", "text", "encoding"),
    [
        (b"", None, None),
        (b" \0\0 ", None, None),
        (b"Bass\0\0\0", "Bass", "ascii"),
        ("Gitárre".encode(), "Gitárre", "utf-8"),
        ("ギター 1".encode("cp932"), "ギター 1", "cp932"),
        ("主旋律".encode("cp932"), "主旋律", "cp932"),
        ("「歌」".encode("cp932"), "「歌」", "cp932"),
        ("ﾋﾟｱﾉ".encode("cp932"), "ﾋﾟｱﾉ", "cp932"),
        ("Flügel".encode("latin-1"), "Flügel", "cp1252"),
        ("Bob’s Bass".encode("cp1252"), "Bob’s Bass", "cp1252"),
        ("créée à l’été".encode("cp1252"), "créée à l’été", "cp1252"),
        ("ÄÖ".encode("cp1252"), "ÄÖ", "cp1252"),
        (b"caf\xe9", "café", "cp1252"),
        (b"\x90abc\xe9", "\x90abcé", "latin-1"),
        (b"\x83\x5c\x81", "\x83\\\x81", "latin-1"),
    ],
)
def test_text_is_read_in_the_likeliest_encoding(raw: bytes, text: str | None, encoding: str | None) -> None:
    assert decode_text(raw) == (text, encoding)


@pytest.mark.parametrize(
    "raw", [bytes([lead, trail]) for lead in range(128, 256) for trail in (0x41, 0x9F, 0xE9)]
)
def test_no_bytes_are_refused(raw: bytes) -> None:
    text, encoding = decode_text(raw)
    assert encoding is not None
    assert text == raw.decode(encoding)


@pytest.mark.parametrize(
    ("text", "encoding"), [("a", "ascii"), ("é", "utf-8"), ("ギ", "utf-8"), ("ギ", "cp932"), ("é", "cp1252")]
)
@pytest.mark.parametrize("shift", range(4))
def test_a_long_text_is_cut_between_characters(text: str, encoding: str, shift: int) -> None:
    raw = b"\0" * 5000 + b"x" * shift + text.encode(encoding) * 100_000
    cut, found = decode_text(raw)
    assert found == encoding
    assert cut is not None
    whole = "x" * shift + text * 100_000
    assert whole.startswith(cut)
    assert MAX_TEXT_BYTES - 4 < len(cut.encode(encoding)) <= MAX_TEXT_BYTES


def test_padding_does_not_make_a_text_long() -> None:
    assert decode_text(b"caf\xe9" + bytes(5000)) == ("café", "cp1252")
