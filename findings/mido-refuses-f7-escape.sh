#!/bin/sh
# An F7 event may carry any bytes to be sent as they are, such as a song select (F3 01): the specification
# calls it an escape. One note follows.
# Guess: readers skip or keep the escape, and read the note.
# Behaviour: mido raises ValueError for the whole file, since a byte of the escape is above 127. Readers that
# are built on mido (pretty_midi, muspy) read nothing of the file either.
# Seen on 29 November 2026 with Python 3.11 and mido==1.3.3, pretty_midi==0.2.11.post0, muspy==0.5.0.
# Exits with 1 when the behaviour is another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'mido==1.3.3' 'pretty_midi==0.2.11.post0' 'muspy==0.5.0'

cat >"$folder/look.py" <<'PROGRAM'
import sys

path = sys.argv[1]
with open(path, "wb") as file:
    file.write(bytes.fromhex("""
4d546864000000060001000201e04d54726b0000000b00ff510307a12000ff2f004d54726b0000001300f702f3018170
903c408360803c0000ff2f00
"""))
import mido, muspy, pretty_midi
for name, read in (("mido", mido.MidiFile), ("pretty_midi", pretty_midi.PrettyMIDI), ("muspy", muspy.read_midi)):
    try:
        read(path)
        print(name, "reads it")
    except ValueError as error:
        print(name, error)
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
mido data byte must be in range 0..127
pretty_midi data byte must be in range 0..127
muspy data byte must be in range 0..127
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
