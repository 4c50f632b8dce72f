#!/bin/sh
# A track selects a bank by controllers 0 and 32, and then program 25 of that bank, all at tick 0. A bank counts for
# the program changes after it.
# Guess: read and saved again, the bank is still selected before the program.
# Behaviour: symusic, pretty_midi and miditoolkit write the program change first. A synthesizer then plays the
# program of bank 0: variations of a sound, and drum kits on other channels, are lost. muspy drops the bank.
# Seen on 30 November 2026 with Python 3.11 and mido==1.3.3, symusic==0.6.0, pretty_midi==0.2.11.post0, miditoolkit==1.0.1, muspy==0.5.0.
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
4d546864000000060000000101e04d54726b0000001700b0000800200200c01900903c408360803c4000ff2f00
"""))
import mido, miditoolkit, muspy, pretty_midi, symusic
def order(saved):
    kinds = {"control_change": "bank", "program_change": "program"}
    found = [[kinds[m.type] for m in track if m.type in kinds] for track in mido.MidiFile(saved).tracks]
    return " ".join(found[-1])
saved = path + ".saved.mid"
print("original:", order(path))
symusic.Score(path).dump_midi(saved)
print("symusic:", order(saved))
pretty_midi.PrettyMIDI(path).write(saved)
print("pretty_midi:", order(saved))
miditoolkit.MidiFile(path).dump(saved)
print("miditoolkit:", order(saved))
muspy.write_midi(saved, muspy.read_midi(path))
print("muspy:", order(saved))
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
original: bank bank program
symusic: program bank bank
pretty_midi: program bank bank
miditoolkit: program bank bank
muspy: program
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
