"""A family of versions: one tempo map, one key, one set of chords, and the parts played on them."""

from typing import Any, NamedTuple

import numpy as np

from midiprism.sample.arrange import (
    FORM_WEIGHTS,
    SongSection,
    draw_part,
    draw_part_count,
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
from midiprism.sample.rng import MASK_32, STREAM_FAMILY, STREAM_PART, Rng
from midiprism.sample.score import BAR, LEAD, SECTION, SONG
from midiprism.sample.styles import DIVISION_WEIGHTS, DIVISIONS, STYLES, TONIC_WEIGHTS, TONICS
from midiprism.sample.words import LANGUAGES

_STYLES = tuple(STYLES.values())
_STYLE_WEIGHTS = tuple(style.weight for style in _STYLES)
_LANGUAGE_WEIGHTS = tuple(language.weight for language in LANGUAGES)
_TRACK_NAME = 0x03

LAYOUT_CONDUCTOR_TRACK, LAYOUT_SEPARATE_TEMPO_TRACK, LAYOUT_FIRST_PART_TRACK, LAYOUT_FORMAT_0 = range(4)
"""Places of the conductor's events: a track of their own; two tracks; the first part's track; format 0."""
_LAYOUT_WEIGHTS = (78, 5, 10, 7)


class FamilyPart(NamedTuple):
    """A part of a version: the number of its slot, and which variant of it."""

    slot: int
    variant: int


class SongFamily:
    """Everything that the versions of a song share. A part is rendered when first needed, and then kept.

    The order of the draws is part of what a seed means.

    Attributes:
        number: of the family, which with the seed decides everything about it.
        artist: of the first version.
        layout: where the conductor's events are.
        part_count: how many parts its versions have, more or less.
        max_parts: how many they may have, for 16 tracks at most.
        slots: the places of its arrangement; a version fills some.
    """

    def __init__(self, seed: int, number: int, renderer: Renderer) -> None:
        rng = Rng(seed & MASK_32, seed >> 32, STREAM_FAMILY, number)
        self.number = number
        self._renderer = renderer
        self._style = _STYLES[rng.choose_weighted(_STYLE_WEIGHTS)]
        self._language = LANGUAGES[rng.choose_weighted(_LANGUAGE_WEIGHTS)]
        self._encoding = self._language.encodings[rng.randrange(len(self._language.encodings))]
        self._title = family_title(self._language, seed, number)
        self.artist = artist_name(seed, number, rng.randrange(1 << 32))
        self._version_label_offset = rng.randrange(12)
        self._form_index = rng.choose_weighted(FORM_WEIGHTS)
        self.layout = rng.choose_weighted(_LAYOUT_WEIGHTS)
        self.max_parts = 14 if self.layout == LAYOUT_SEPARATE_TEMPO_TRACK else 15
        self.part_count = min(draw_part_count(rng, self._form_index), self.max_parts)
        self.slots = draw_slots(rng, self._style)
        self._sort_by_channel = rng.randrange(2) == 0
        self._pad_track_names = rng.randrange(30) == 0
        self._has_lyrics = rng.randrange(9) == 0
        self._song_table = self._draw_song(rng)
        sections = draw_sections(rng, self._form_index, self._style)
        self._bars = np.zeros(sum(section.bars for section in sections), BAR)
        fill_bars(self._song_table, np.array(sections, SECTION), self._bars)
        self._conductor = self._draw_conductor(rng, sections)
        self._chunk_by_part: dict[FamilyPart, bytes] = {}

    @property
    def _song(self) -> Any:
        return self._song_table[0]

    def _draw_song(self, rng: Rng) -> Any:
        table = np.zeros(1, SONG)
        song = table[0]
        division = DIVISIONS[rng.choose_weighted(DIVISION_WEIGHTS)]
        song.division = division
        song.tonic = TONICS[rng.choose_weighted(TONIC_WEIGHTS)]
        song.minor = 1 if rng.randrange(5) < 2 else 0
        song.timing_jitter = division * rng.randrange(3) // 96 if rng.randrange(2) == 0 else 0
        song.swing = division // 6 if self._style.swing else 0
        song.seed_low = rng.randrange(1 << 30)
        song.seed_high = rng.randrange(1 << 30)
        song.running_status = 1 if rng.randrange(6) else 0
        song.note_off_messages = 1 if rng.randrange(5) == 0 else 0
        song.sevenths = self._style.sevenths
        return table

    def _draw_conductor(self, rng: Rng, sections: list[SongSection]) -> ConductorEvents:
        slowest, fastest = self._style.tempo_range
        tenths_of_bpm = slowest * 10 + rng.randrange((fastest - slowest) * 10 + 1)
        whole = tenths_of_bpm // 10 * 10
        quarter = 600_000_000 // (tenths_of_bpm if rng.randrange(2) else whole)
        return draw_conductor_events(
            rng, self._song, sections, quarter, slowest > 110, self._language, self._encoding
        )

    def title_of_version(self, version: int) -> str:
        """Return the title of a version."""
        return version_title(self._title, self._version_label_offset, version)

    def render_midi(self, version: int, parts: list[FamilyPart]) -> bytes:
        """Return the file of a version with the given parts."""
        if self.layout == LAYOUT_FORMAT_0:
            return self._header(0, 1) + self._format_0_chunk(parts)
        first = parts[:1] if self.layout == LAYOUT_FIRST_PART_TRACK else []
        rest = parts[len(first) :]
        if self._sort_by_channel:
            rest = sorted(rest, key=lambda part: self.slots[part.slot].channel)
        chunks = [self._part_chunk(part) for part in (*first, *rest)]
        if self.layout != LAYOUT_FIRST_PART_TRACK:
            chunks = [*self._conductor_tracks(version), *chunks]
        return self._header(1, len(chunks)) + b"".join(chunks)

    def _header(self, midi_format: int, track_count: int) -> bytes:
        division = int(self._song.division)
        return b"MThd\0\0\0\6" + bytes((0, midi_format, 0, track_count)) + division.to_bytes(2, "big")

    def _conductor_tracks(self, version: int) -> list[bytes]:
        end_tick = int(self._song.end_tick)
        title = encode_text(self.title_of_version(version), self._encoding)
        name = TimedEvent(0, meta_event(_TRACK_NAME, title))
        if self.layout == LAYOUT_CONDUCTOR_TRACK:
            return [track_chunk([name, *self._conductor.all_by_tick()], end_tick)]
        initial, later = self._conductor.initial_and_later()
        tempo_name = TimedEvent(0, meta_event(_TRACK_NAME, b"Tempo"))
        return [track_chunk([name, *initial], 0), track_chunk([tempo_name, *later], end_tick)]

    def _part_chunk(self, part: FamilyPart) -> bytes:
        chunk = self._chunk_by_part.get(part)
        if chunk is None:
            leads = self.layout == LAYOUT_FIRST_PART_TRACK and part.slot == 0
            events = self._conductor.all_by_tick() if leads else []
            table = self._draw_part(part)
            name = self._part_name(part, int(table[0].seed_low))
            chunk = self._chunk_by_part[part] = self._render_chunk(name, table, events)
        return chunk

    def _format_0_chunk(self, parts: list[FamilyPart]) -> bytes:
        tables = np.concatenate([self._draw_part(part) for part in parts])
        name = meta_event(_TRACK_NAME, encode_text(self._title, self._encoding))
        return self._render_chunk(name, tables, self._conductor.all_by_tick())

    def _draw_part(self, part: FamilyPart) -> Any:
        song = self._song
        rng = Rng(int(song.seed_low), int(song.seed_high), STREAM_PART, part.slot << 16 | part.variant)
        return draw_part(rng, self._style, self.slots[part.slot], self._form_index, part.variant)

    def _part_name(self, part: FamilyPart, number: int) -> bytes:
        """Return a track name chosen by a number, nothing for one in sixteen."""
        if number % 16 == 0:
            return b""
        slot = self.slots[part.slot]
        names = self._language.track_names[slot.role]
        name = names[number % len(names)] + (f" {slot.index_in_role + 1}" if slot.index_in_role else "")
        text = encode_text(name, self._encoding)
        return meta_event(_TRACK_NAME, text.ljust(24) if self._pad_track_names else text)

    def _render_chunk(self, name: bytes, parts: Any, conductor_events: list[TimedEvent]) -> bytes:
        ticks = np.array([event.tick for event in conductor_events], np.int64)
        entries = tuple(event.data for event in conductor_events)
        if self._has_lyrics and len(parts) == 1 and parts[0].role == LEAD:
            syllables = lyric_events(self._language, self._encoding)
            parts[0].conductor_event_count = len(conductor_events)
            parts[0].syllable_count = len(syllables)
            entries += syllables
        body = self._renderer.render(self._song_table, self._bars, parts, ticks, pack_entries(entries))
        if name:
            name = b"\0" + name
        return b"MTrk" + (len(name) + len(body)).to_bytes(4, "big") + name + body
