#!/bin/sh
# Two notes of one pitch and channel overlap: they start at ticks 0 and 240, and two note-offs come at ticks 480
# and 720 (0.5 and 0.75 seconds).
# Guess: every reader finds two notes.
# Behaviour: symusic and miditoolkit pair first in, first out. pretty_midi ends both at the first note-off.
# partitura loses the first note.
# Seen on 29 November 2026 with Python 3.11 and symusic==0.6.0, miditoolkit==1.0.1, pretty_midi==0.2.11.post0, partitura==1.9.0.
# Exits with 1 when the behaviour is another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'symusic==0.6.0' 'miditoolkit==1.0.1' 'pretty_midi==0.2.11.post0' 'partitura==1.9.0'

cat >"$folder/look.py" <<'PROGRAM'
import sys

path = sys.argv[1]
with open(path, "wb") as file:
    file.write(bytes.fromhex("""
4d546864000000060001000201e04d54726b0000000b00ff510307a12000ff2f004d54726b0000001700903c40817090
3c508170803c008170803c0000ff2f00
"""))
import warnings
warnings.simplefilter("ignore")
import miditoolkit, partitura, pretty_midi, symusic
print("symusic", [(n.time, n.time + n.duration) for n in symusic.Score(path).tracks[0].notes])
print("miditoolkit", [(n.start, n.end) for n in miditoolkit.MidiFile(path).instruments[0].notes])
print("pretty_midi", [(float(n.start), float(n.end)) for n in pretty_midi.PrettyMIDI(path).instruments[0].notes])
parts = partitura.load_performance_midi(path).performedparts
print("partitura", [(float(n["note_on"]), float(n["note_off"])) for part in parts for n in part.notes])
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
symusic [(0, 480), (240, 720)]
miditoolkit [(0, 480), (240, 720)]
pretty_midi [(0.0, 0.5), (0.25, 0.5)]
partitura [(0.25, 0.5)]
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
