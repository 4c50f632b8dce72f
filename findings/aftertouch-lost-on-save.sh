#!/bin/sh
# A track with a volume, channel pressure, key pressure, a pitch bend and a note.
# Guess: read and saved again, all of these messages are still there, or the loss is reported.
# Behaviour: symusic, pretty_midi and miditoolkit keep volume and pitch bend, and drop both kinds of pressure
# without a word.
# Seen on 29 November 2026 with Python 3.11 and mido==1.3.3, symusic==0.6.0, pretty_midi==0.2.11.post0, miditoolkit==1.0.1.
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
4d546864000000060001000201e04d54726b0000000b00ff510307a12000ff2f004d54726b0000001c00b0075000d040
00a03c3000e0005000903c408360803c0000ff2f00
"""))
import mido, miditoolkit, pretty_midi, symusic
def kinds(saved):
    wanted = {"control_change", "aftertouch", "polytouch", "pitchwheel"}
    return sorted({m.type for track in mido.MidiFile(saved).tracks for m in track} & wanted)
saved = path + ".saved.mid"
print("original", kinds(path))
symusic.Score(path).dump_midi(saved)
print("symusic", kinds(saved))
pretty_midi.PrettyMIDI(path).write(saved)
print("pretty_midi", kinds(saved))
miditoolkit.MidiFile(path).dump(saved)
print("miditoolkit", kinds(saved))
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
original ['aftertouch', 'control_change', 'pitchwheel', 'polytouch']
symusic ['control_change', 'pitchwheel']
pretty_midi ['control_change', 'pitchwheel']
miditoolkit ['control_change', 'pitchwheel']
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
