#!/bin/sh
# A C major scale from C to C in quarter notes, nothing else.
# Guess: the key analysis that music21 uses unless told otherwise says C major.
# Behaviour: it says A minor. The profiles of Krumhansl and Kessler and of Temperley, which have to be asked for,
# say C major.
# Seen on 29 November 2026 with Python 3.11 and music21==10.5.1.
# Exits with 1 when the behaviour is another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'music21==10.5.1'

cat >"$folder/look.py" <<'PROGRAM'
import sys

path = sys.argv[1]
with open(path, "wb") as file:
    file.write(bytes.fromhex("""
4d546864000000060001000201e04d54726b0000000b00ff510307a12000ff2f004d54726b0000004c00903c40836080
3c0000903e408360803e0000904040836080400000904140836080410000904340836080430000904540836080450000
904740836080470000904840836080480000ff2f00
"""))
import warnings
warnings.simplefilter("ignore")
import music21
score = music21.converter.parse(path)
for method in ("key", "key.krumhanslkessler", "key.temperley"):
    print(method, score.analyze(method))
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
key a minor
key.krumhanslkessler C major
key.temperley C major
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
