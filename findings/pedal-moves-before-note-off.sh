#!/bin/sh
# At tick 480 a note ends and then, at the same tick, the sustain pedal goes down for the next note. The first
# note must not sound on.
# Guess: read and saved again, the note still ends before the pedal goes down.
# Behaviour: symusic, miditoolkit and pretty_midi write the pedal first (pretty_midi writes the end of the note
# as a note on of velocity 0). Played back, the pedal now holds the first note.
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
4d546864000000060001000201e04d54726b0000000b00ff510307a12000ff2f004d54726b0000001e00903c40836080
3c0000b0407f00903e408360803e0000b0400000ff2f00
"""))
import mido, miditoolkit, pretty_midi, symusic
def at_480(saved):
    tick, found = 0, []
    for message in mido.MidiFile(saved).tracks[-1]:
        tick += message.time
        if tick == 480 and not message.is_meta:
            ends = message.type == "note_off" or (message.type == "note_on" and message.velocity == 0)
            found.append("pedal" if message.type == "control_change" else "end" if ends else "start")
    return found
saved = path + ".saved.mid"
print("original", at_480(path))
symusic.Score(path).dump_midi(saved)
print("symusic", at_480(saved))
miditoolkit.MidiFile(path).dump(saved)
print("miditoolkit", at_480(saved))
pretty_midi.PrettyMIDI(path).write(saved)
print("pretty_midi", at_480(saved))
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
original ['end', 'pedal', 'start']
symusic ['pedal', 'end', 'start']
miditoolkit ['pedal', 'end', 'start']
pretty_midi ['pedal', 'end', 'start']
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
