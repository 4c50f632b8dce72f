#!/bin/sh
# A file counts time in frames: its division says 25 frames a second and 40 ticks a frame, so 1,000 ticks are
# one second. It holds two notes of one second each.
# Guess: readers say 2 seconds, or refuse the division.
# Behaviour: mido says that the file lasts a negative time; miditoolkit reads the division as a negative number
# of ticks per quarter note and goes on; muspy refuses with a message about ticks per beat.
# Seen on 29 November 2026 with Python 3.11 and mido==1.3.3, miditoolkit==1.0.1, muspy==0.5.0.
# Exits with 1 when the behaviour is another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'mido==1.3.3' 'miditoolkit==1.0.1' 'muspy==0.5.0'

cat >"$folder/look.py" <<'PROGRAM'
import sys

path = sys.argv[1]
with open(path, "wb") as file:
    file.write(bytes.fromhex("""
4d5468640000000600000001e7284d54726b0000001600903c408768803c0000903e408768803e0000ff2f00
"""))
import mido, miditoolkit, muspy
print("mido", round(mido.MidiFile(path).length, 3))
print("miditoolkit", miditoolkit.MidiFile(path).ticks_per_beat)
try:
    muspy.read_midi(path)
except Exception as error:
    print("muspy", error)
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
mido -0.157
miditoolkit -6360
muspy `ticks_per_beat` must be positive.
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
