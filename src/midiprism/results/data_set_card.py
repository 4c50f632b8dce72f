"""The data set card of a result: a ``README.md`` by which readers of data sets open the folder as it is.

Its two parts between markers derive from the result and are kept up to date. All else is for a person to
fill in, and never changed. A card without the markers is a person's own.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from midiprism.fs.atomic_write import atomic_replace, fsync_folder, name_of_temporary
from midiprism.fs.exclusive_create import read_regular_file, write_all
from midiprism.stores.errors import write_error

CARD_FILE = "README.md"

_HEAD_MARKERS = ("# midiprism: begin", "# midiprism: end")
_BODY_MARKERS = ("<!-- midiprism: begin -->", "<!-- midiprism: end -->")

_CARD = """\
---
# Fill in what is known. What is between two markers is kept up to date, all else is left as it is.
pretty_name: MIDI tracks
license: unknown
tags:
- midi
- music
{head}
---

# MIDI tracks

{body}

## Source and license

To fill in:

- songs from:
- collected by, on:
- made by:
- license of the songs:
- license of this data set:
- personal data, and what was done about it:

## Citation

```yaml
cff-version: 1.2.0
message: If you use this data set, please cite it as below.
type: dataset
title: MIDI tracks
authors:
  - name: to fill in
date-released: to fill in
license: to fill in
references:
  - type: software
    title: midiprism
    authors:
      - name: The midiprism developers
```
"""


@dataclass(frozen=True, slots=True)
class CardTable:
    """A table of a data set.

    Attributes:
        name: of its configuration.
        files: its files, as a pattern below the folder of the card.
        rows: how many it has.
        meaning: of a row.
    """

    name: str
    files: str
    rows: int
    meaning: str


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Facts from which the parts of a card between markers are made.

    Attributes:
        tables: the first is opened where none is named.
        paragraphs: Markdown, below the table of tables.
        state: differs whenever a file of a table does. Without it ``datasets``, which caches a folder by its
            card, would open a data set as it was when it was first opened.
    """

    tables: Sequence[CardTable]
    paragraphs: Sequence[str]
    state: str


def write_card(folder: str, facts: CardFacts) -> None:
    """Write the card of a folder if there is none, else bring its parts between markers up to date.

    What is no regular file is left alone. Only one process at a time may call this for a folder.

    Raises:
        StoreError: it cannot be read or written.
    """
    path = os.path.join(folder, CARD_FILE)
    try:
        _remove_temporary_files(folder)
        existing = read_card(folder)
        if existing is None and os.path.lexists(path):
            return
        card = updated_card(existing, facts) if existing else new_card(facts)
        if card != existing:
            _replace(folder, card)
    except OSError as error:
        raise write_error(path, error) from error


def copy_card(folder: str, other_folder: str) -> None:
    """Copy the card of a folder, if it has one, to another folder.

    Raises:
        StoreError: it cannot be read or written.
    """
    try:
        card = read_card(folder)
        if card is not None:
            _replace(other_folder, card)
    except OSError as error:
        raise write_error(other_folder, error) from error


def read_card(folder: str) -> bytes | None:
    """Return the bytes of the card of a folder; None for no card, or one that is no regular file.

    Raises:
        OSError: it cannot be read.
    """
    try:
        return read_regular_file(os.path.join(folder, CARD_FILE))
    except FileNotFoundError:
        return None


def _replace(folder: str, card: bytes) -> None:
    with atomic_replace(os.path.join(folder, CARD_FILE)) as descriptor:
        write_all(descriptor, card)
    fsync_folder(folder)


def new_card(facts: CardFacts) -> bytes:
    """Return a card in which a person has filled in nothing."""
    head, body = ("\n".join(_with_markers(*part)) for part in _parts(facts))
    return _CARD.format(head=head, body=body).encode()


def updated_card(card: bytes, facts: CardFacts) -> bytes:
    """Return a card with its parts between markers up to date; a part whose markers are gone is left out."""
    for markers, part in _parts(facts):
        begin, end = (rb"^%s[ \t]*\r?$" % re.escape(marker.encode()) for marker in markers)
        found = [*re.finditer(begin + b"(?:.*?)" + end, card, re.MULTILINE | re.DOTALL)]
        if len(found) == 1:
            first, last = found[0].span()
            line_end = b"\r\n" if found[0][0].endswith(b"\r") else b"\n"
            text = line_end.join(line.encode() for line in _with_markers(markers, part))
            card = card[:first] + text + (b"\r" if line_end == b"\r\n" else b"") + card[last:]
    return card


def _parts(facts: CardFacts) -> Sequence[tuple[tuple[str, str], Sequence[str]]]:
    """Return the markers and the lines of both parts."""
    return (_HEAD_MARKERS, _head(facts)), (_BODY_MARKERS, _body(facts))


def _with_markers(markers: tuple[str, str], lines: Sequence[str]) -> Sequence[str]:
    return [markers[0], *lines, markers[1]]


def _head(facts: CardFacts) -> Sequence[str]:
    lines = ["configs:"]
    for number, table in enumerate(facts.tables):
        lines += [f"- config_name: {table.name}", *(["  default: true"] if number == 0 else [])]
        lines.append(f'  description: "state {facts.state}"')
        lines += ["  data_files:", "  - split: train", f'    path: "{table.files}"']
    return lines


def _body(facts: CardFacts) -> Sequence[str]:
    rows = [f"| {it.name} | {it.rows:,} | {it.meaning} |" for it in facts.tables]
    lines = ["", "| table | rows | a row is |", "|---|---|---|", *rows, ""]
    for paragraph in facts.paragraphs:
        lines += [*paragraph.split("\n"), ""]
    return lines


def _remove_temporary_files(folder: str) -> None:
    """Remove cards whose writing was cut off."""
    for name in os.listdir(folder):
        if is_temporary_card(name):
            os.unlink(os.path.join(folder, name))


def is_temporary_card(name: str) -> bool:
    """Return whether a name is that of a card that is not whole."""
    return name_of_temporary(name) == CARD_FILE
