#!/bin/sh
# A loop of one bar: a note of one quarter, then a rest to the end of track at tick 1920.
# Guess: read and saved again, the track still ends at tick 1920, so that the loop repeats after one bar.
# Behaviour: symusic, pretty_midi and miditoolkit end the track one tick behind the note, muspy with the note.
# Loops that end in a rest become shorter.
# Seen on 29 November 2026 with Python 3.11 and mido==1.3.3, symusic==0.6.0, pretty_midi==0.2.11.post0, miditoolkit==1.0.1, muspy==0.5.0.
# Exits with 1 when the behaviour is another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'mido==1.3.3' 'symusic==0.6.0' 'pretty_midi==0.2.11.post0' 'miditoolkit==1.0.1' 'muspy==0.5.0'

cat >"$folder/look.py" <<'PROGRAM'
import sys

path = sys.argv[1]
with open(path, "wb") as file:
    file.write(bytes.fromhex("""
4d546864000000060001000201e04d54726b0000000b00ff510307a12000ff2f004d54726b0000000e00903c40836080
3c008b20ff2f00
"""))
import mido, miditoolkit, muspy, pretty_midi, symusic
def last_tick(saved):
    return max(sum(message.time for message in track) for track in mido.MidiFile(saved).tracks)
saved = path + ".saved.mid"
print("original", last_tick(path))
symusic.Score(path).dump_midi(saved)
print("symusic", last_tick(saved))
pretty_midi.PrettyMIDI(path).write(saved)
print("pretty_midi", last_tick(saved))
miditoolkit.MidiFile(path).dump(saved)
print("miditoolkit", last_tick(saved))
muspy.write_midi(saved, muspy.read_midi(path))
print("muspy", last_tick(saved))
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
original 1920
symusic 481
pretty_midi 481
miditoolkit 481
muspy 480
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
