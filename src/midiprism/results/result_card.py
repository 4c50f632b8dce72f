"""The facts on the data set card of a result."""

from collections.abc import Iterable

from blake3 import blake3

from midiprism.catalog.queries.table_sizes import TableSizes
from midiprism.results.data_set_card import CardFacts, CardTable
from midiprism.results.identity import Identity
from midiprism.stores import STORE_KINDS

TABLES_PARAGRAPH = """\
`links.track_blake3` is `tracks.blake3`, and `links.song_blake3` is `songs.blake3`. The metadata of each
column's Arrow field describe it. In Python, with this folder as `PATH`:

```python
import datasets

tracks = datasets.load_dataset("PATH", split="train")
songs = datasets.load_dataset("PATH", "songs", split="train")
```"""

_FOLDS_PARAGRAPH = """\
`train` is only the name that a table needs. Versions and copies of a song have the same `song_group` and the
same `fold`, 0 to 9: divide by folds, never by rows, and leave out tracks that have songs on both sides."""

_FILES_PARAGRAPH = """\
Each track is a MIDI file below `tracks`, and its facts are in `catalog.sqlite`, or in the PostgreSQL database
that `midiprism.json` names. Libraries for data sets load tables: `midiprism export` makes a data set with
tables of tracks, links and songs of this folder, or of what a query finds in it."""


def result_card(identity: Identity, sizes: TableSizes, state: str) -> CardFacts:
    """Return the facts on the card of a result; see ``CardFacts`` for its state."""
    how_made = made_paragraph(identity)
    if STORE_KINDS[identity.store].tracks_are_files:
        meaning = f"a track, a MIDI file; {sizes.songs:,} songs have {sizes.links:,} tracks together"
        tracks = CardTable("tracks", "tracks/**/*.mid", sizes.tracks, meaning)
        return CardFacts((tracks,), (how_made, _FILES_PARAGRAPH), state)
    return CardFacts(table_facts(sizes), (how_made, TABLES_PARAGRAPH, _FOLDS_PARAGRAPH), state)


def table_facts(sizes: TableSizes) -> tuple[CardTable, ...]:
    """Return the tables of a data set in Parquet files."""
    tracks = "a distinct track: its facts, and in `music` the whole MIDI file"
    links = "a track of a song: which song it came from, and how it sounds there"
    songs = "a song: where it was, and its group and fold"
    return (
        CardTable("tracks", "tracks/*.parquet", sizes.tracks, tracks),
        CardTable("links", "links/*.parquet", sizes.links, links),
        CardTable("songs", "songs/*.parquet", sizes.songs, songs),
    )


def state_of(digests: Iterable[bytes], songs_state: str) -> str:
    """Return the state of a data set, from the digests of its shards and the state of its songs."""
    return blake3(b"".join(sorted(digests)) + songs_state.encode()).hexdigest()[:16]


def made_paragraph(identity: Identity) -> str:
    """Return a sentence that says how tracks were made."""
    return (
        f"midiprism made the tracks from songs: divided by `{identity.by}`, with the context "
        f"`{identity.context}`, by version {identity.contract} of its contract."
    )
