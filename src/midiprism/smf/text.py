"""Text in MIDI files, which do not state its encoding."""

import codecs

JAPANESE_SYMBOL_LEAD_BYTE = 0x81
KANA_LEAD_BYTES = (0x82, 0x83)

_PADDING = b"\0 \t\r\n"

MAX_TEXT_BYTES = 256
"""Most bytes of a text that are read, without its padding. A file of a kilobyte can hold a name of megabytes,
and each use of a name costs more than its length."""


def decode_text(raw: bytes) -> tuple[str | None, str | None]:
    """Return the text of a meta event without padding, and the encoding it was read in.

    (None, None) where it is blank. Of a longer text the first ``MAX_TEXT_BYTES`` bytes are read.

    ASCII and UTF-8 are certain. Of the others Shift-JIS (cp932) is taken where the bytes pair up as Japanese
    text does, else cp1252, and Latin-1 where that leaves a byte undefined.
    """
    raw = raw.strip(_PADDING)
    is_whole = len(raw) <= MAX_TEXT_BYTES
    if not is_whole:
        raw = raw[:MAX_TEXT_BYTES].rstrip(_PADDING)
    if not raw:
        return None, None
    if raw.isascii():
        return raw.decode("ascii"), "ascii"
    encodings = ("utf-8", "cp932", "cp1252") if looks_japanese(raw) else ("utf-8", "cp1252")
    for encoding in encodings:
        try:
            if is_whole:
                return raw.decode(encoding), encoding
            # The last character may be cut as well, and is then left out.
            return codecs.getincrementaldecoder(encoding)().decode(raw), encoding
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1"), "latin-1"


def looks_japanese(raw: bytes) -> bool:
    """Return whether bytes that are not UTF-8 are more likely Shift-JIS than a Western encoding.

    Kana, full-width letters and Japanese punctuation are signs of it, as are other pairs of two high bytes
    with a lead that cp1252 uses for punctuation, and runs of half-width katakana. A pair that ends in an
    ASCII character is a sign of neither: an apostrophe or an accented letter of cp1252 before a letter looks
    the same.
    """
    at = 0
    half_width = 0
    while at < len(raw):
        byte = raw[at]
        if 0xA1 <= byte <= 0xDF:
            half_width += 1
            if half_width == 3:
                return True
            at += 1
            continue
        half_width = 0
        if byte < 0x80 or at + 1 == len(raw):
            at += 1
            continue
        trail = raw[at + 1]
        if byte == JAPANESE_SYMBOL_LEAD_BYTE and trail >= 0x40:
            return True
        if byte in KANA_LEAD_BYTES and 0x40 <= trail <= (0xF1 if byte == 0x82 else 0x96) and trail != 0x7F:
            return True
        if 0x84 <= byte <= 0x9F and 0x80 <= trail <= 0xFC:
            return True
        at += 2
    return False
