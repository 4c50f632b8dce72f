#!/bin/sh
# A track sets the range of pitch bends to an octave, by controllers 101, 100 (registered parameter 0) and then 6
# (its value, 12), all at tick 0, as every such track does.
# Guess: read and saved again, the value still follows the number of its parameter, so that bends are as wide.
# Behaviour: pretty_midi sorts the controllers of a tick by their numbers and writes 6, 100, 101. The value comes
# before the parameter is selected, and sets nothing: bends are then two semitones wide. symusic and miditoolkit
# keep the order.
# Seen on 30 November 2026 with Python 3.11 and mido==1.3.3, symusic==0.6.0, pretty_midi==0.2.11.post0, miditoolkit==1.0.1.
# Exits with 1 when the behaviour is another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'mido==1.3.3' 'symusic==0.6.0' 'pretty_midi==0.2.11.post0' 'miditoolkit==1.0.1'

cat >"$folder/look.py" <<'PROGRAM'
import sys

path = sys.argv[1]
with open(path, "wb") as file:
    file.write(bytes.fromhex("""
4d546864000000060000000101e04d54726b0000001700b0650000640000060c00903c408360803c4000ff2f00
"""))
import mido, miditoolkit, pretty_midi, symusic
def controllers(saved):
    return [m.control for track in mido.MidiFile(saved).tracks for m in track if m.type == "control_change"]
saved = path + ".saved.mid"
print("original", controllers(path))
symusic.Score(path).dump_midi(saved)
print("symusic", controllers(saved))
miditoolkit.MidiFile(path).dump(saved)
print("miditoolkit", controllers(saved))
pretty_midi.PrettyMIDI(path).write(saved)
print("pretty_midi", controllers(saved))
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
original [101, 100, 6]
symusic [101, 100, 6]
miditoolkit [101, 100, 6]
pretty_midi [6, 100, 101]
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
