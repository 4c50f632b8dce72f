#!/bin/sh
# A format 2 file holds independent sequences. The first has 120, the second 60 quarter notes a minute; each
# holds one note of 480 ticks at 480 ticks per quarter note.
# Guess: the first note lasts 0.5 s and the second 1.0 s, or the file is refused.
# Behaviour: symusic puts the tempi of both sequences into one list and plays both notes for 1.0 s.
# Seen on 29 November 2026 with Python 3.11 and symusic==0.6.0.
# Exits with 1 when the behaviour is another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'symusic==0.6.0'

cat >"$folder/look.py" <<'PROGRAM'
import sys

path = sys.argv[1]
with open(path, "wb") as file:
    file.write(bytes.fromhex("""
4d546864000000060002000201e04d54726b0000001400ff510307a12000903c408360803c0000ff2f004d54726b0000
001400ff51030f424000903e408360803e0000ff2f00
"""))
import symusic
score = symusic.Score(path)
print("tempi", [(tempo.time, tempo.qpm) for tempo in score.tempos])
print("seconds", [note.duration for track in score.to("second").tracks for note in track.notes])
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
tempi [(0, 120.0), (0, 60.0)]
seconds [1.0, 1.0]
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
