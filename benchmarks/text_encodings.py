"""Measure how many names are read right, by midiprism and by general detectors of encodings.

Prints a table as Markdown. Other detectors are installed by ``pip install 'midiprism[detectors]'``.
"""

import argparse
import codecs
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple
from unicodedata import normalize

from midiprism.smf.text.decode import decode_text
from midiprism.smf.text.words_of_letters import WORDS_OF_LETTERS
from midiprism.smf.text.words_of_syllables import WORDS_OF_SYLLABLES
from text_names import NAMES, NameGroup

Reader = Callable[[bytes], str | None]

TONES = "\N{COMBINING GRAVE ACCENT}\N{COMBINING ACUTE ACCENT}\N{COMBINING TILDE}\N{COMBINING HOOK ABOVE}"
TONES += "\N{COMBINING DOT BELOW}"
MARKED = ("utf-8-sig", "utf-16")
"""Encodings that a byte-order mark states."""
OTHER_TEXTS = 3
"""Names of the same group that stand for the other texts of a song."""


class Case(NamedTuple):
    """A name as a file has it."""

    group: NameGroup
    encoding: str
    name: str
    is_later: bool
    raw: bytes
    other_texts: tuple[bytes, ...]


def encode(name: str, encoding: str) -> bytes | None:
    """Return a name in an encoding; None where it has letters that the encoding lacks."""
    if encoding == "utf-16":
        return codecs.BOM_UTF16_LE + name.encode("utf-16-le")
    if encoding == "cp1258":
        name = "".join(_with_separate_tone(letter) for letter in name)
    try:
        return name.encode(encoding)
    except UnicodeEncodeError:
        return None


def _with_separate_tone(letter: str) -> str:
    """Return a letter as cp1258 spells it: with its tone apart, unless the encoding has both as one."""
    if len(letter.encode("cp1258", "ignore")) == 1:
        return letter
    decomposed = normalize("NFD", letter)
    base, marks = decomposed[0], decomposed[1:]
    tones = "".join(mark for mark in marks if mark in TONES)
    return normalize("NFC", base + "".join(mark for mark in marks if mark not in TONES)) + tones


def cases() -> Iterator[Case]:
    """Return each name in each encoding of its group, and in UTF-8 and UTF-16 with a byte-order mark."""
    for group in NAMES:
        for encoding in (*group.encodings, *MARKED):
            for names in (group.names, group.later_names):
                encoded = [(name, encode(name, encoding)) for name in names]
                texts = [(name, raw) for name, raw in encoded if raw is not None and not raw.isascii()]
                for index, (name, raw) in enumerate(texts):
                    others = tuple(other for _, other in (texts * 2)[index + 1 : index + 1 + OTHER_TEXTS])
                    yield Case(group, encoding, name, names is group.later_names, raw, others)


def detectors() -> dict[str, Reader]:
    """Return general detectors by name."""
    import chardet
    import charset_normalizer

    def read_with_charset_normalizer(raw: bytes) -> str | None:
        best = charset_normalizer.from_bytes(raw).best()
        return None if best is None else str(best)

    return {
        "chardet": lambda raw: _decode(raw, chardet.detect(raw)["encoding"]),
        "charset-normalizer": read_with_charset_normalizer,
    }


def _decode(raw: bytes, encoding: str | None) -> str | None:
    try:
        return None if encoding is None else raw.decode(encoding)
    except (LookupError, UnicodeDecodeError):
        return None


def is_right(text: str | None, name: str) -> bool:
    """Return whether a text is the name, however its letters are composed."""
    return text is not None and normalize("NFC", text).lstrip("\ufeff") == normalize("NFC", name)


def is_seen(case: Case) -> bool:
    """Return whether midiprism's list of a language has all words of a name that are beyond ASCII."""
    words = {**WORDS_OF_LETTERS, **WORDS_OF_SYLLABLES}.get(case.group.language, "").lower().split()
    own = "".join(
        letter if letter.isalnum() or letter == "-" else " " for letter in case.name.lower()
    ).split()
    return all(word.isascii() or word in words for word in own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--misses", action="store_true", help="list what midiprism reads wrong")
    parser.add_argument("--json", action="store_true", help="print the shares as JSON")
    parser.add_argument("--alone", action="store_true", help="measure no other detectors")
    arguments = parser.parse_args()
    measured = [*cases()]
    readers: dict[str, Reader] = {} if arguments.alone else detectors()
    readers["midiprism"] = lambda raw: decode_text(raw).text
    right: dict[str, Counter[str]] = {reader: Counter() for reader in (*readers, "with other texts")}
    totals: Counter[str] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)
    for case in measured:
        rows = [case.encoding]
        if case.encoding not in MARKED:
            rows += ["all without a mark", "words seen" if is_seen(case) else "words not seen"]
            rows += ["made later"] * case.is_later
        totals.update(rows)
        for reader, read in readers.items():
            began = time.perf_counter()
            text = read(case.raw)
            seconds[reader] += time.perf_counter() - began
            right[reader].update(rows * is_right(text, case.name))
            if arguments.misses and reader == "midiprism" and not is_right(text, case.name):
                print(f"{case.encoding:10} {case.name!r} read as {text!r}: {decode_text(case.raw).encoding}")
        with_others = decode_text(case.raw, partial(tuple, case.other_texts))
        right["with other texts"].update(rows * is_right(with_others.text, case.name))
        if arguments.misses and not is_right(with_others.text, case.name):
            print(f"{case.encoding:10} {case.name!r} read as {with_others.text!r} with others")
    if arguments.json:
        print(
            json.dumps(
                {
                    reader: right[reader]["all without a mark"] / totals["all without a mark"]
                    for reader in right
                }
            )
        )
        return
    print(f"| encoding | names | {' | '.join(right)} |")
    print(f"|---|---:|{'---:|' * len(right)}")
    for row in dict.fromkeys(
        [
            *(case.encoding for case in measured),
            "all without a mark",
            "words seen",
            "words not seen",
            "made later",
        ]
    ):
        shares = " | ".join(f"{right[reader][row] / totals[row]:.1%}" for reader in right)
        print(f"| {row} | {totals[row]} | {shares} |")
    per_name = " | ".join(f"{seconds[reader] / len(measured) * 1e6:,.0f}" for reader in readers)
    print(f"| microseconds per name | | {per_name} | |")


if __name__ == "__main__":
    main()
