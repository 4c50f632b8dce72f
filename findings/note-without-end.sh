#!/bin/sh
# A track has a complete note (pitch 60) and one that nothing ends (pitch 64) before the end of track, as about
# 2 percent of files found in the wild do.
# Guess: readers agree: either the note lasts to the end of track, or the reader says that it drops it.
# Behaviour: symusic, pretty_midi, miditoolkit and partitura drop the note without a word; muspy keeps it to the
# end of track. Counts of notes differ between readers of one file.
# Seen on 29 November 2026 with Python 3.11 and symusic==0.6.0, pretty_midi==0.2.11.post0, miditoolkit==1.0.1, muspy==0.5.0, partitura==1.9.0.
# Exits with 1 when the behaviour is another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'symusic==0.6.0' 'pretty_midi==0.2.11.post0' 'miditoolkit==1.0.1' 'muspy==0.5.0' 'partitura==1.9.0'

cat >"$folder/look.py" <<'PROGRAM'
import sys

path = sys.argv[1]
with open(path, "wb") as file:
    file.write(bytes.fromhex("""
4d546864000000060001000201e04d54726b0000000b00ff510307a12000ff2f004d54726b0000001200903c40836080
3c00009040408740ff2f00
"""))
import warnings
warnings.simplefilter("ignore")
import miditoolkit, muspy, partitura, pretty_midi, symusic
print("symusic", [note.pitch for note in symusic.Score(path).tracks[0].notes])
print("pretty_midi", [note.pitch for note in pretty_midi.PrettyMIDI(path).instruments[0].notes])
print("miditoolkit", [note.pitch for note in miditoolkit.MidiFile(path).instruments[0].notes])
print("partitura", [note["pitch"] for part in partitura.load_performance_midi(path).performedparts for note in part.notes])
print("muspy", [(note.pitch, note.duration) for note in muspy.read_midi(path).tracks[0].notes])
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
symusic [60]
pretty_midi [60]
miditoolkit [60]
partitura [60]
muspy [(60, 480), (64, 960)]
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
