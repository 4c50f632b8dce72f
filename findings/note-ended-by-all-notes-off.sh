#!/bin/sh
# A track has a complete note (pitch 60), then one (pitch 64) that no note-off ends, but controller 123, all notes
# off, 480 ticks later, as sequencers write when they are stopped.
# Guess: the note ends where all notes off ends it, with a length of 480 ticks (0.5 s).
# Behaviour: symusic, pretty_midi, miditoolkit and partitura drop the note without a word: they end notes by
# note-offs only. Counts of notes differ between readers and what a synthesizer plays.
# Seen on 29 November 2026 with Python 3.11 and symusic==0.6.0, pretty_midi==0.2.11.post0, miditoolkit==1.0.1, partitura==1.9.0.
# Exits with 1 when the behaviour is another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'symusic==0.6.0' 'pretty_midi==0.2.11.post0' 'miditoolkit==1.0.1' 'partitura==1.9.0'

cat >"$folder/look.py" <<'PROGRAM'
import sys

path = sys.argv[1]
with open(path, "wb") as file:
    file.write(bytes.fromhex("""
4d546864000000060001000201e04d54726b0000000b00ff510307a12000ff2f004d54726b0000001700903c40836080
3c00009040408360b07b008740ff2f00
"""))
import warnings
warnings.simplefilter("ignore")
import miditoolkit, partitura, pretty_midi, symusic
print("symusic", [note.pitch for note in symusic.Score(path).tracks[0].notes])
print("pretty_midi", [note.pitch for note in pretty_midi.PrettyMIDI(path).instruments[0].notes])
print("miditoolkit", [note.pitch for note in miditoolkit.MidiFile(path).instruments[0].notes])
print("partitura", [note["pitch"] for part in partitura.load_performance_midi(path).performedparts for note in part.notes])
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
symusic [60]
pretty_midi [60]
miditoolkit [60]
partitura [60]
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
