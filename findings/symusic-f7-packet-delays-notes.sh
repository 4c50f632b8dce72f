#!/bin/sh
# A system exclusive message is divided into an F0 packet and an F7 packet, as the Standard MIDI File
# specification allows; then two notes follow, at ticks 240 and 720.
# Guess: the packets take no time, so the notes start at ticks 240 and 720.
# Behaviour: symusic starts them at 246 and 726. It counts the data bytes of the F7 packet as time, so
# everything behind the packet is late. mido reads 240 and 720.
# Seen on 29 November 2026 with Python 3.11 and symusic==0.6.0, mido==1.3.3.
# Exits with 1 when the behaviour is another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'symusic==0.6.0' 'mido==1.3.3'

cat >"$folder/look.py" <<'PROGRAM'
import sys

path = sys.argv[1]
with open(path, "wb") as file:
    file.write(bytes.fromhex("""
4d546864000000060001000201e04d54726b0000000b00ff510307a12000ff2f004d54726b0000002300f00343120081
70f7030102f700903c408360803c0000903e408360803e0000ff2f00
"""))
import mido, symusic
score = symusic.Score(path)
print("symusic", [note.time for note in score.tracks[0].notes])
tick, starts = 0, []
for message in mido.MidiFile(path).tracks[1]:
    tick += message.time
    if message.type == "note_on":
        starts.append(tick)
print("mido", starts)
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
symusic [246, 726]
mido [240, 720]
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
