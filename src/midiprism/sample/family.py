"""A family of versions: one tempo map, one key, one set of chords, and the parts played on them."""

import numpy as np

from midiprism.sample import sheet
from midiprism.sample.arrange import (
    FORM_WEIGHTS,
    Section,
    compose_part,
    draw_players,
    draw_sections,
    draw_slots,
)
from midiprism.sample.conductor import Conductor, Event, conduct, track
from midiprism.sample.dice import FAMILY, PART, WORD, Dice, Ints
from midiprism.sample.harmony import lay_out
from midiprism.sample.names import artist_of, encoded, lyrics, meta, pack, title_of, version_of
from midiprism.sample.render import Desk
from midiprism.sample.styles import DIVISION_WEIGHTS, DIVISIONS, STYLES, TONIC_WEIGHTS, TONICS
from midiprism.sample.words import LANGUAGES

_STYLES = tuple(STYLES.values())
_STYLE_WEIGHTS = tuple(style.weight for style in _STYLES)
_LANGUAGE_WEIGHTS = tuple(language.weight for language in LANGUAGES)
_NO_TICKS = np.zeros(0, np.int64)
_NO_TABLE = pack(())

CONDUCTED, TEMPO_APART, LED, MERGED = range(4)
"""Where the conductor's events stand: a track of their own; two; the first part's track; format 0."""
_LAYOUT_WEIGHTS = (78, 5, 10, 7)


class Family:
    """What the versions of a song share. A part is written when first asked for, and then kept.

    Attributes:
        number: of the family, which with the seed says everything about it.
        layout: where the conductor's events stand.
        players: how many parts its versions have, more or less.
        most: how many they may have, for 16 tracks at most.
        slots: the places of its arrangement; a version fills some.
    """

    def __init__(self, seed: int, number: int, desk: Desk) -> None:
        dice = Dice(seed & WORD, seed >> 32, FAMILY, number)
        self.number = number
        self.desk = desk
        self.style = _STYLES[dice.choose(_STYLE_WEIGHTS)]
        self.language = LANGUAGES[dice.choose(_LANGUAGE_WEIGHTS)]
        self.encoding = self.language.encodings[dice.roll(len(self.language.encodings))]
        self.title = title_of(self.language, seed, number)
        self.artist = artist_of(seed, number, dice.roll(1 << 32))
        self.version_shift = dice.roll(12)
        self.size = dice.choose(FORM_WEIGHTS)
        self.layout = dice.choose(_LAYOUT_WEIGHTS)
        self.most = 14 if self.layout == TEMPO_APART else 15
        self.players = min(draw_players(dice, self.size), self.most)
        self.slots = draw_slots(dice, self.style)
        self.by_channel = dice.roll(2) == 0
        self.padded = dice.roll(30) == 0
        self.sung = dice.roll(9) == 0
        self._song = self._draw_song(dice)
        sections = draw_sections(dice, self.size, self.style)
        self._bars = np.zeros((sum(section[1] for section in sections), sheet.BAR_WIDTH), np.int64)
        lay_out(self._song, np.array(sections, np.int64), self._bars)
        self.end = int(self._song[sheet.END])
        self.division = int(self._song[sheet.DIVISION])
        self._conductor = self._draw_conductor(dice, sections)
        self._words = (int(self._song[sheet.LOW]), int(self._song[sheet.HIGH]))
        self._parts: dict[tuple[int, int], bytes] = {}

    def _draw_song(self, dice: Dice) -> Ints:
        song = np.zeros(sheet.SONG_WIDTH, np.int64)
        division = DIVISIONS[dice.choose(DIVISION_WEIGHTS)]
        song[sheet.DIVISION] = division
        song[sheet.TONIC] = TONICS[dice.choose(TONIC_WEIGHTS)]
        song[sheet.MINOR] = 1 if dice.roll(5) < 2 else 0
        song[sheet.LOOSE] = division * dice.roll(3) // 96 if dice.roll(2) == 0 else 0
        song[sheet.SWING] = division // 6 if self.style.swing else 0
        song[sheet.LOW] = dice.roll(1 << 30)
        song[sheet.HIGH] = dice.roll(1 << 30)
        song[sheet.RUNNING] = 1 if dice.roll(6) else 0
        song[sheet.OFFS] = 1 if dice.roll(5) == 0 else 0
        song[sheet.COLOUR] = self.style.colour
        return song

    def _draw_conductor(self, dice: Dice, sections: list[Section]) -> Conductor:
        slowest, fastest = self.style.tempo
        beats = slowest * 10 + dice.roll((fastest - slowest) * 10 + 1)
        steady = self.style.tempo[0] > 110
        quarter = 600_000_000 // (beats if dice.roll(2) else beats // 10 * 10)
        return conduct(dice, self._song, sections, quarter, steady, self.language, self.encoding)

    def name_of(self, version: int) -> str:
        """Title of a version."""
        return version_of(self.title, self.version_shift, version)

    def midi(self, version: int, parts: list[tuple[int, int]]) -> bytes:
        """The file of a version with the given parts, each a slot and a variant."""
        if self.layout == MERGED:
            return self._header(0, 1) + self._merged(parts)
        first = parts[:1] if self.layout == LED else []
        rest = parts[len(first) :]
        if self.by_channel:
            rest = sorted(rest, key=lambda part: self.slots[part[0]].channel)
        chunks = [self._part(*part) for part in (*first, *rest)]
        if self.layout != LED:
            chunks = [*self._conductor_tracks(version), *chunks]
        return self._header(1, len(chunks)) + b"".join(chunks)

    def _header(self, kind: int, tracks: int) -> bytes:
        return b"MThd\0\0\0\6" + bytes((0, kind, 0, tracks)) + self.division.to_bytes(2, "big")

    def _conductor_tracks(self, version: int) -> list[bytes]:
        name: Event = (0, meta(0x03, encoded(self.name_of(version), self.encoding)))
        if self.layout == CONDUCTED:
            return [track([name, *self._conductor.events()], self.end)]
        first, second = self._conductor.apart()
        return [track([name, *first], 0), track([(0, meta(0x03, b"Tempo")), *second], self.end)]

    def _part(self, slot: int, variant: int) -> bytes:
        chunk = self._parts.get((slot, variant))
        if chunk is None:
            led = self.layout == LED and slot == 0
            cues = self._conductor.events() if led else []
            row = self._row(slot, variant)
            chunk = self._write(self._part_name(slot, row), [row], cues)
            self._parts[slot, variant] = chunk
        return chunk

    def _merged(self, parts: list[tuple[int, int]]) -> bytes:
        rows = [self._row(*part) for part in parts]
        name = meta(0x03, encoded(self.title, self.encoding))
        return self._write(name, rows, self._conductor.events())

    def _row(self, slot: int, variant: int) -> Ints:
        dice = Dice(*self._words, PART, slot << 16 | variant)
        return compose_part(dice, self.style, self.slots[slot], self.size, variant)

    def _part_name(self, slot: int, row: Ints) -> bytes:
        number = int(row[sheet.SEED_LOW])
        if number % 16 == 0:
            return b""
        place = self.slots[slot]
        names = self.language.tracks[place.role]
        name = names[number % len(names)] + (f" {place.number + 1}" if place.number else "")
        text = encoded(name, self.encoding)
        return meta(0x03, text.ljust(24) if self.padded else text)

    def _write(self, name: bytes, rows: list[Ints], cues: list[Event]) -> bytes:
        ticks = np.array([tick for tick, _ in cues], np.int64) if cues else _NO_TICKS
        entries = tuple(data for _, data in cues)
        if self.sung and len(rows) == 1 and rows[0][sheet.ROLE] == sheet.LEAD:
            words = lyrics(self.language, self.encoding)
            rows[0][sheet.CUES] = len(cues)
            rows[0][sheet.LYRICS] = len(words)
            entries += words
        table = pack(entries) if entries else _NO_TABLE
        body = self.desk.render(self._song, self._bars, rows, ticks, table)
        if name:
            name = b"\0" + name
        return b"MTrk" + (len(name) + len(body)).to_bytes(4, "big") + name + body
