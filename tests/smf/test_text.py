"""Tests of reading text of an unknown encoding."""

import codecs
from unicodedata import normalize

import pytest

from midiprism.errors import UsageError
from midiprism.smf.text.decode import MAX_TEXT_BYTES, REASONS, check_encoding, decode_text


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
        ("ÜBUNG".encode("cp1252"), "ÜBUNG", "cp1252"),
        (b"caf\xe9", "café", "cp1252"),
        (b"\xa91998", "©1998", "cp1252"),
        (b"n\xb0 3", "n° 3", "cp1252"),
        (b"\x95 Bass \xae", "• Bass ®", "cp1252"),
        # Three bytes from A1 to DF are no proof of Japanese.
        ("ГИТАРА".encode("cp1251"), "ГИТАРА", "cp1251"),
        ("CHŒUR À L'ÉTÉ".encode("cp1252"), "CHŒUR À L'ÉTÉ", "cp1252"),
        ("钢琴".encode("gbk"), "钢琴", "gbk"),
        # Nor is a byte of 81 before a letter.
        (b"Fl\x81gel", "Flügel", "cp437"),
        ("Flöte".encode("mac_roman"), "Flöte", "mac_roman"),
        ("鋼琴".encode("big5"), "鋼琴", "big5"),
        ("피아노".encode("cp949"), "피아노", "cp949"),
        ("Гитара".encode("koi8_r"), "Гитара", "koi8_r"),
        ("Trąbka".encode("cp1250"), "Trąbka", "cp1250"),
        ("Bağlama".encode("cp1254"), "Bağlama", "cp1254"),
        ("Κιθάρα".encode("cp1253"), "Κιθάρα", "cp1253"),
        (b"Tr\xf4\xecng", "Trống", "cp1258"),
    ],
)
def test_text_is_read_in_the_likeliest_encoding(raw: bytes, text: str | None, encoding: str | None) -> None:
    assert decode_text(raw)[:2] == (text, encoding)


@pytest.mark.parametrize(
    "raw", [bytes([lead, trail]) for lead in range(128, 256) for trail in (0x41, 0x9F, 0xE9)]
)
def test_no_bytes_are_refused(raw: bytes) -> None:
    text, encoding, _, _ = decode_text(raw)
    assert encoding is not None
    assert normalize("NFC", str(text)) == normalize("NFC", raw.decode(encoding))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("a", "ascii"), ("é", "utf-8"), ("ギ", "utf-8"), ("ギ", "cp932"), ("été ", "cp1252")],
)
@pytest.mark.parametrize("shift", range(4))
def test_a_long_text_is_cut_between_characters(text: str, encoding: str, shift: int) -> None:
    raw = b"\0" * 5000 + b"x" * shift + text.encode(encoding) * 100_000
    cut, found, _, _ = decode_text(raw)
    assert found == encoding
    assert cut is not None
    whole = "x" * shift + text * 100_000
    assert whole.startswith(cut)
    assert MAX_TEXT_BYTES - 4 < len(cut.encode(encoding)) <= MAX_TEXT_BYTES


def test_padding_does_not_make_a_text_long() -> None:
    assert decode_text(b"caf\xe9" + bytes(5000))[:2] == ("café", "cp1252")


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
@pytest.mark.parametrize("given", [None, "cp932"])
def test_a_byte_order_mark_decides(mark: bytes, encoding: str, given: str | None) -> None:
    raw = mark + "Flügel ギター\0\0".encode(encoding)
    decoded = decode_text(raw, encoding=given)
    assert decoded[:3] == ("Flügel ギター", encoding, "byte_order_mark")
    assert decode_text(raw + b"\0")[:2] == ("Flügel ギター", encoding)
    assert decode_text(mark)[:2] == (None, None)
    cut = decode_text(mark + "é".encode(encoding) * 1000).text
    assert cut == "é" * (MAX_TEXT_BYTES // 2)


def test_a_mark_before_other_bytes_is_no_mark() -> None:
    decoded = decode_text(codecs.BOM_UTF16_LE + b"\x00\xd8\x41\x00")
    assert decoded.reason != "byte_order_mark"
    assert decoded.text is not None
    assert not any("\ud800" <= letter <= "\udfff" for letter in decoded.text)


def test_a_given_encoding_overrides_what_is_likelier() -> None:
    raw = "ギター".encode("cp932")
    assert decode_text(raw, encoding="cp1251")[:3] == (raw.decode("cp1251"), "cp1251", "given")
    assert decode_text("é".encode(), encoding="cp1252")[:2] == ("Ã©", "cp1252")
    assert decode_text(b"Bass", encoding="cp932")[:2] == ("Bass", "ascii")


def test_bytes_that_are_not_in_the_given_encoding_are_read_as_without() -> None:
    assert decode_text("Flügel".encode("cp1252"), encoding="utf-8")[:2] == ("Flügel", "cp1252")


def test_other_texts_of_the_song_help() -> None:
    raw = "ﾀﾝﾀﾝ".encode("cp932")
    assert decode_text(raw).encoding != "cp932"
    decoded = decode_text(raw, lambda: ["ピアノの曲".encode("cp932")])
    assert decoded[:3] == ("ﾀﾝﾀﾝ", "cp932", "other_texts")
    assert "Japanese" in decoded.explanation
    (_, encoding, _, _) = decode_text("主旋律".encode("gbk"), lambda: ["ピアノの曲".encode("cp932")])
    assert encoding == "gbk", "a text that is certain keeps its own encoding"


def test_every_reason_has_an_explanation() -> None:
    for text, reason in [
        (b"a", "ascii"),
        ("é".encode(), "valid_utf8"),
        ("Flügel".encode("cp1252"), "likeliest"),
    ]:
        decoded = decode_text(text)
        assert decoded.reason == reason
        assert decoded.explanation == REASONS[decoded.reason].format(language=decoded.language)
    assert decode_text("Flügel".encode("cp1252")).explanation == "it looks most like German"


@pytest.mark.parametrize("name", ["cp932", "Shift_JIS", "GBK", "windows-1251", "UTF-8", "latin-1", "gb18030"])
def test_encodings_that_extend_ascii_may_be_given(name: str) -> None:
    assert check_encoding(name) == codecs.lookup(name).name


@pytest.mark.parametrize(
    "name", ["utf-16", "cp037", "base64", "punycode", "rot13", "no such", "", "x" * 5000, "a\0b"]
)
def test_other_encodings_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="extends ASCII"):
        check_encoding(name)
