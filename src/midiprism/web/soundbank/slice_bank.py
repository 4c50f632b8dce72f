"""Cuts a sound bank to some presets, with the instruments and samples that they play."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from midiprism.web.soundbank.errors import SoundBankError
from midiprism.web.soundbank.riff_chunks import write_chunk, write_list
from midiprism.web.soundbank.sound_bank import (
    COMPRESSED,
    HEADERS,
    INSTRUMENTS,
    SAMPLES,
    TABLES,
    Preset,
    Records,
    SoundBank,
)

_INSTRUMENT, _KEY_RANGE, _SAMPLE = 41, 43, 53
"""Generators: what a zone plays, and by which keys."""

_MONO = 1
_SILENCE = bytes(2 * 46)
"""Points of silence that the specification asks for behind each sample."""

_POINT_BYTES = 2
_END_NAMES = {HEADERS: b"EOP", INSTRUMENTS: b"EOI", SAMPLES: b"EOS"}

_INFO = (b"ifil", b"isng", b"INAM", b"ICOP")
"""Facts about the bank that are kept: its version, engine, name and license."""


Keys = frozenset[int]
"""Numbers of notes."""

ALL_KEYS: Keys = frozenset(range(128))
NO_KEYS: Keys = frozenset()

Tables = Mapping[str, Records]


class _TableNames(NamedTuple):
    """The tables of presets, or those of instruments."""

    owner: str
    bag: str
    modulator: str
    generator: str


_PRESET_TABLES = _TableNames("phdr", "pbag", "pmod", "pgen")
_INSTRUMENT_TABLES = _TableNames("inst", "ibag", "imod", "igen")


class _Zones(NamedTuple):
    """The zones of some presets or instruments.

    Attributes:
        owners: row of the preset or instrument of each zone.
        kept_bags: row of each zone in the bank.
        bag_starts: first zone of each preset or instrument, and the end.
    """

    owners: list[int]
    kept_bags: list[int]
    bag_starts: list[int]
    bags: Records
    modulators: Records
    generators: Records


def slice_bank(bank: SoundBank, wanted: Mapping[Preset, Keys]) -> bytes:
    """Return a sound bank with some presets of another one, under the same numbers.

    Args:
        bank: that has them.
        wanted: the presets, each with the keys that it plays. Zones that play none of them are left out, and
            so are presets that the bank does not have.

    Raises:
        SoundBankError: it has none of them, or is damaged.
    """
    keys = {bank.presets[preset]: keys for preset, keys in sorted(wanted.items()) if preset in bank.presets}
    if not keys:
        raise SoundBankError("The sound bank has none of these presets.")
    try:
        return _slice(bank, keys)
    except (IndexError, ValueError) as error:
        raise SoundBankError(f"{bank.path} is damaged: {error}.") from error


def _slice(bank: SoundBank, keys: Mapping[int, Keys]) -> bytes:
    tables = bank.tables
    presets = [*keys]
    zones = _zones(tables, _PRESET_TABLES, keys)
    played: dict[int, Keys] = {}
    for preset, bag in zip(zones.owners, zones.kept_bags, strict=True):
        instrument = _amount(tables, _PRESET_TABLES, bag, _INSTRUMENT)
        if instrument is not None:
            heard = keys[preset] & _range_of(tables, _PRESET_TABLES, bag)
            played[instrument] = played.get(instrument, NO_KEYS) | heard
    instruments = sorted(played)
    inner = _zones(tables, _INSTRUMENT_TABLES, {row: played[row] for row in instruments})
    samples = _named(inner.generators, _SAMPLE, len(tables["shdr"]) - 1)
    _renumber(zones.generators, _INSTRUMENT, instruments)
    _renumber(inner.generators, _SAMPLE, samples)
    headers, content = _cut_samples(bank, samples)
    new_tables = {
        "phdr": _with_end(tables["phdr"], presets, bag=zones.bag_starts),
        "pbag": zones.bags,
        "pmod": zones.modulators,
        "pgen": zones.generators,
        "inst": _with_end(tables["inst"], instruments, bag=inner.bag_starts),
        "ibag": inner.bags,
        "imod": inner.modulators,
        "igen": inner.generators,
        "shdr": headers,
    }
    facts = [write_chunk(kind, [text]) for kind in _INFO if (text := bank.info(kind)) is not None]
    return write_list(
        b"sfbk",
        [
            write_list(b"INFO", facts),
            write_list(b"sdta", [write_chunk(b"smpl", content)]),
            write_list(
                b"pdta", [write_chunk(name.encode(), [new_tables[name].tobytes()]) for name in TABLES]
            ),
        ],
        form=b"RIFF",
    )


def _zones(tables: Tables, names: _TableNames, keys: Mapping[int, Keys]) -> _Zones:
    """Return the zones of some rows of a table that play some keys, with places of their own."""
    owners, bags = tables[names.owner]["bag"].tolist(), tables[names.bag]
    kept: list[tuple[int, int]] = [
        (row, bag)
        for row, wanted in keys.items()
        for bag in range(owners[row], owners[row + 1])
        if wanted & _range_of(tables, names, bag)
    ]
    every = np.array([bag for _, bag in kept], np.intp)
    modulators, modulator_starts = _spans(bags["mod"].astype(np.intp), every)
    generators, generator_starts = _spans(bags["gen"].astype(np.intp), every)
    new_bags = np.zeros(len(every) + 1, bags.dtype)
    new_bags["mod"], new_bags["gen"] = modulator_starts, generator_starts
    counts = Counter(row for row, _ in kept)
    return _Zones(
        [row for row, _ in kept],
        [bag for _, bag in kept],
        [*accumulate((counts[row] for row in keys), initial=0)],
        new_bags,
        _rows_and_end(tables[names.modulator], modulators),
        _rows_and_end(tables[names.generator], generators),
    )


def _amount(tables: Tables, names: _TableNames, bag: int, kind: int) -> int | None:
    """Return the amount of a generator of a zone; None without it."""
    start, end = tables[names.bag]["gen"][bag : bag + 2].tolist()
    generators = tables[names.generator][start:end]
    found: list[int] = generators["amount"][generators["kind"] == kind].tolist()
    return found[-1] if found else None


def _range_of(tables: Tables, names: _TableNames, bag: int) -> Keys:
    """Return the keys that a zone plays."""
    amount = _amount(tables, names, bag, _KEY_RANGE)
    return ALL_KEYS if amount is None else frozenset(range(amount & 0xFF, (amount >> 8) + 1))


def _spans(starts: Any, owners: Any) -> tuple[Any, Any]:
    """Return the rows that some owners have, and where those of each begin among them, with the end."""
    rows = [np.arange(starts[owner], starts[owner + 1]) for owner in owners.tolist()]
    return np.concatenate([np.empty(0, np.intp), *rows]), np.cumsum([0, *map(len, rows)])


def _rows_and_end(table: Records, rows: Any) -> Records:
    """Return some rows of a table, and one that marks the end."""
    end = np.zeros(1, table.dtype)
    if "name" in (table.dtype.names or ()):
        end["name"] = _END_NAMES[table.dtype]
    return np.concatenate([table[rows], end])


def _with_end(table: Records, rows: Sequence[int], *, bag: Sequence[int]) -> Records:
    """Return some rows of a table with other places of their bags, and a row that marks the end."""
    new = _rows_and_end(table, [*rows])
    new["bag"] = bag
    return new


def _named(generators: Records, kind: int, count: int) -> list[int]:
    """Return what generators of a kind name, each once, ascending."""
    named: list[int] = np.unique(generators["amount"][:-1][generators["kind"][:-1] == kind]).tolist()
    if named and named[-1] >= count:
        raise IndexError(f"row {named[-1]} of {count} is named")
    return named


def _renumber(generators: Records, kind: int, kept: Sequence[int]) -> None:
    """Let generators of a kind name the places of what is kept."""
    is_kind = generators["kind"] == kind
    is_kind[-1] = False
    generators["amount"][is_kind] = np.searchsorted(np.array(kept), generators["amount"][is_kind])


def _cut_samples(bank: SoundBank, rows: Sequence[int]) -> tuple[Records, list[memoryview | bytes]]:
    """Return the headers of some samples, and their content."""
    table, source = bank.tables["shdr"], bank.samples
    headers = _rows_and_end(table, [*rows])
    places = {row: place for place, row in enumerate(rows)}
    content: list[memoryview | bytes] = []
    at = 0  # in bytes
    for header in headers[:-1]:
        start, end = int(header["start"]), int(header["end"])
        is_compressed = bool(header["type"] & COMPRESSED)
        unit = 1 if is_compressed else _POINT_BYTES
        if not start <= end <= len(source) // unit:
            raise IndexError("a sample lies outside of the file")
        content.append(source[start * unit : end * unit])
        moved = at // unit
        if not is_compressed:  # loops of compressed samples count from the beginning of the sample
            header["loop_start"] = moved + max(0, int(header["loop_start"]) - start)
            header["loop_end"] = moved + max(0, int(header["loop_end"]) - start)
        header["start"], header["end"] = moved, moved + end - start
        at += (end - start) * unit
        padding = at % 2 if is_compressed else len(_SILENCE)
        content.append(bytes(padding))
        at += padding
        _relink(header, places)
    return headers, content


def _relink(header: Any, places: dict[int, int]) -> None:
    """Let a sample name the place of its other channel; without it, it is mono."""
    flags = int(header["type"])
    if flags & ~COMPRESSED != _MONO and int(header["link"]) in places:
        header["link"] = places[int(header["link"])]
    else:
        header["link"], header["type"] = 0, _MONO | flags & COMPRESSED
