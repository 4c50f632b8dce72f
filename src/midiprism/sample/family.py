"""A family of versions: one tempo map, one key, one set of chords, and the parts played on them."""

import numpy as np

from midiprism.sample import columns as sheet
from midiprism.sample.arrange import (
    FORM_WEIGHTS,
    Section,
    draw_part_count,
    draw_part_row,
    draw_sections,
    draw_slots,
)
from midiprism.sample.conductor import ConductorEvents, TimedEvent, draw_conductor_events, track_chunk
from midiprism.sample.harmony import fill_bars
from midiprism.sample.names import (
    artist_name,
    encode_text,
    family_title,
    lyric_events,
    meta_event,
    pack_entries,
    version_title,
)
from midiprism.sample.render import Renderer
from midiprism.sample.rng import MASK_32, STREAM_FAMILY, STREAM_PART, IntArray, Rng
from midiprism.sample.styles import DIVISION_WEIGHTS, DIVISIONS, STYLES, TONIC_WEIGHTS, TONICS
from midiprism.sample.words import LANGUAGES

_STYLES = tuple(STYLES.values())
_STYLE_WEIGHTS = tuple(style.weight for style in _STYLES)
_LANGUAGE_WEIGHTS = tuple(language.weight for language in LANGUAGES)
_NO_TICKS = np.zeros(0, np.int64)
_NO_ENTRIES = pack_entries(())

LAYOUT_CONDUCTOR_TRACK, LAYOUT_SEPARATE_TEMPO_TRACK, LAYOUT_FIRST_PART_TRACK, LAYOUT_FORMAT_0 = range(4)
"""Where the conductor's events stand: a track of their own; two; the first part's track; format 0."""
_LAYOUT_WEIGHTS = (78, 5, 10, 7)


class SongFamily:
    """What the versions of a song share. A part is written when first asked for, and then kept.

    Attributes:
        number: of the family, which with the seed says everything about it.
        layout: where the conductor's events stand.
        players: how many parts its versions have, more or less.
        most: how many they may have, for 16 tracks at most.
        slots: the places of its arrangement; a version fills some.
    """

    def __init__(self, seed: int, number: int, renderer: Renderer) -> None:
        dice = Rng(seed & MASK_32, seed >> 32, STREAM_FAMILY, number)
        self.number = number
        self.renderer = renderer
        self.style = _STYLES[dice.choose_weighted(_STYLE_WEIGHTS)]
        self.language = LANGUAGES[dice.choose_weighted(_LANGUAGE_WEIGHTS)]
        self.encoding = self.language.encodings[dice.randrange(len(self.language.encodings))]
        self.title = family_title(self.language, seed, number)
        self.artist = artist_name(seed, number, dice.randrange(1 << 32))
        self.version_label_offset = dice.randrange(12)
        self.form_index = dice.choose_weighted(FORM_WEIGHTS)
        self.layout = dice.choose_weighted(_LAYOUT_WEIGHTS)
        self.max_parts = 14 if self.layout == LAYOUT_SEPARATE_TEMPO_TRACK else 15
        self.part_count = min(draw_part_count(dice, self.form_index), self.max_parts)
        self.slots = draw_slots(dice, self.style)
        self.sort_by_channel = dice.randrange(2) == 0
        self.pad_track_names = dice.randrange(30) == 0
        self.has_lyrics = dice.randrange(9) == 0
        self._song = self._draw_song(dice)
        sections = draw_sections(dice, self.form_index, self.style)
        self._bars = np.zeros((sum(section[1] for section in sections), sheet.BAR_COLUMN_COUNT), np.int64)
        fill_bars(self._song, np.array(sections, np.int64), self._bars)
        self.end_tick = int(self._song[sheet.END_TICK])
        self.division = int(self._song[sheet.DIVISION])
        self._conductor = self._draw_conductor(dice, sections)
        self._rng_seed = (int(self._song[sheet.FAMILY_SEED_LOW]), int(self._song[sheet.FAMILY_SEED_HIGH]))
        self._chunk_by_part: dict[tuple[int, int], bytes] = {}

    def _draw_song(self, rng: Rng) -> IntArray:
        song = np.zeros(sheet.SONG_COLUMN_COUNT, np.int64)
        division = DIVISIONS[rng.choose_weighted(DIVISION_WEIGHTS)]
        song[sheet.DIVISION] = division
        song[sheet.TONIC] = TONICS[rng.choose_weighted(TONIC_WEIGHTS)]
        song[sheet.MINOR] = 1 if rng.randrange(5) < 2 else 0
        song[sheet.TIMING_JITTER] = division * rng.randrange(3) // 96 if rng.randrange(2) == 0 else 0
        song[sheet.SWING] = division // 6 if self.style.swing else 0
        song[sheet.FAMILY_SEED_LOW] = rng.randrange(1 << 30)
        song[sheet.FAMILY_SEED_HIGH] = rng.randrange(1 << 30)
        song[sheet.RUNNING_STATUS] = 1 if rng.randrange(6) else 0
        song[sheet.NOTE_OFF_MESSAGES] = 1 if rng.randrange(5) == 0 else 0
        song[sheet.SEVENTHS] = self.style.sevenths
        return song

    def _draw_conductor(self, rng: Rng, sections: list[Section]) -> ConductorEvents:
        slowest, fastest = self.style.tempo_range
        beats = slowest * 10 + rng.randrange((fastest - slowest) * 10 + 1)
        steady = self.style.tempo_range[0] > 110
        quarter = 600_000_000 // (beats if rng.randrange(2) else beats // 10 * 10)
        return draw_conductor_events(rng, self._song, sections, quarter, steady, self.language, self.encoding)

    def title_of_version(self, version: int) -> str:
        """Title of a version."""
        return version_title(self.title, self.version_label_offset, version)

    def render_midi(self, version: int, parts: list[tuple[int, int]]) -> bytes:
        """The file of a version with the given parts, each a slot and a variant."""
        if self.layout == LAYOUT_FORMAT_0:
            return self._header(0, 1) + self._format_0_chunk(parts)
        first = parts[:1] if self.layout == LAYOUT_FIRST_PART_TRACK else []
        rest = parts[len(first) :]
        if self.sort_by_channel:
            rest = sorted(rest, key=lambda part: self.slots[part[0]].channel)
        chunks = [self._part_chunk(*part) for part in (*first, *rest)]
        if self.layout != LAYOUT_FIRST_PART_TRACK:
            chunks = [*self._conductor_tracks(version), *chunks]
        return self._header(1, len(chunks)) + b"".join(chunks)

    def _header(self, midi_format: int, track_count: int) -> bytes:
        return b"MThd\0\0\0\6" + bytes((0, midi_format, 0, track_count)) + self.division.to_bytes(2, "big")

    def _conductor_tracks(self, version: int) -> list[bytes]:
        name: TimedEvent = (0, meta_event(0x03, encode_text(self.title_of_version(version), self.encoding)))
        if self.layout == LAYOUT_CONDUCTOR_TRACK:
            return [track_chunk([name, *self._conductor.all_by_tick()], self.end_tick)]
        first, second = self._conductor.initial_and_later()
        return [
            track_chunk([name, *first], 0),
            track_chunk([(0, meta_event(0x03, b"Tempo")), *second], self.end_tick),
        ]

    def _part_chunk(self, slot: int, variant: int) -> bytes:
        chunk = self._chunk_by_part.get((slot, variant))
        if chunk is None:
            led = self.layout == LAYOUT_FIRST_PART_TRACK and slot == 0
            cues = self._conductor.all_by_tick() if led else []
            row = self._part_row(slot, variant)
            chunk = self._render_chunk(self._part_name(slot, row), [row], cues)
            self._chunk_by_part[slot, variant] = chunk
        return chunk

    def _format_0_chunk(self, parts: list[tuple[int, int]]) -> bytes:
        rows = [self._part_row(*part) for part in parts]
        name = meta_event(0x03, encode_text(self.title, self.encoding))
        return self._render_chunk(name, rows, self._conductor.all_by_tick())

    def _part_row(self, slot: int, variant: int) -> IntArray:
        dice = Rng(*self._rng_seed, STREAM_PART, slot << 16 | variant)
        return draw_part_row(dice, self.style, self.slots[slot], self.form_index, variant)

    def _part_name(self, slot: int, row: IntArray) -> bytes:
        number = int(row[sheet.PART_SEED_LOW])
        if number % 16 == 0:
            return b""
        place = self.slots[slot]
        names = self.language.track_names[place.role]
        name = names[number % len(names)] + (f" {place.index_in_role + 1}" if place.index_in_role else "")
        text = encode_text(name, self.encoding)
        return meta_event(0x03, text.ljust(24) if self.pad_track_names else text)

    def _render_chunk(self, name: bytes, rows: list[IntArray], conductor_events: list[TimedEvent]) -> bytes:
        ticks = np.array([tick for tick, _ in conductor_events], np.int64) if conductor_events else _NO_TICKS
        entries = tuple(data for _, data in conductor_events)
        if self.has_lyrics and len(rows) == 1 and rows[0][sheet.ROLE] == sheet.LEAD:
            words = lyric_events(self.language, self.encoding)
            rows[0][sheet.CONDUCTOR_EVENT_COUNT] = len(conductor_events)
            rows[0][sheet.SYLLABLE_COUNT] = len(words)
            entries += words
        table = pack_entries(entries) if entries else _NO_ENTRIES
        body = self.renderer.render(self._song, self._bars, rows, ticks, table)
        if name:
            name = b"\0" + name
        return b"MTrk" + (len(name) + len(body)).to_bytes(4, "big") + name + body
