#!/bin/sh
# A format 1 file whose last track slows the tempo from 120 to 60 quarter notes a minute at tick 480. A tempo
# change counts for all tracks, whichever track holds it. The second note lasts from tick 480 to 960.
# Guess: the second note ends after 1.5 seconds.
# Behaviour: pretty_midi, which uses the tempo changes of the first track only and warns, ends it after 1.0
# second. So does partitura, without a warning. mido and symusic say 1.5.
# Seen on 29 November 2026 with Python 3.11 and mido==1.3.3, symusic==0.6.0, pretty_midi==0.2.11.post0, partitura==1.9.0.
# Exits with 1 when the behaviour is another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'mido==1.3.3' 'symusic==0.6.0' 'pretty_midi==0.2.11.post0' 'partitura==1.9.0'

cat >"$folder/look.py" <<'PROGRAM'
import sys

path = sys.argv[1]
with open(path, "wb") as file:
    file.write(bytes.fromhex("""
4d546864000000060001000301e04d54726b0000000b00ff510307a12000ff2f004d54726b0000001600903c40836080
3c0000903e408360803e0000ff2f004d54726b0000000c8360ff51030f424000ff2f00
"""))
import warnings
warnings.simplefilter("ignore")
import mido, partitura, pretty_midi, symusic
print("mido", mido.MidiFile(path).length)
last = symusic.Score(path).to("second").tracks[0].notes[-1]
print("symusic", last.time + last.duration)
print("pretty_midi", float(pretty_midi.PrettyMIDI(path).instruments[0].notes[-1].end))
parts = partitura.load_performance_midi(path).performedparts
print("partitura", max(float(note["note_off"]) for part in parts for note in part.notes))
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
mido 1.5
symusic 1.5
pretty_midi 1.0
partitura 1.0
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
