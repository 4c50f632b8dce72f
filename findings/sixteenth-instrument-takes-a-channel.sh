#!/bin/sh
# One channel plays 20 notes one after the other, each with a program of its own: 20 program changes.
# Guess: read and saved again, each note has its program.
# Behaviour: symusic, pretty_midi, miditoolkit and muspy make an instrument of each program, give each a channel, and
# begin again with the first channel after the 15th. All program changes move to tick 0, where the later one of a
# channel holds: the notes of four programs sound with that of another.
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
4d546864000000060000000101e04d54726b000000f400c00000902840836080284000c00100902940836080294000c0
0200902a408360802a4000c00300902b408360802b4000c00400902c408360802c4000c00500902d408360802d4000c0
0600902e408360802e4000c00700902f408360802f4000c00800903040836080304000c00900903140836080314000c0
0a00903240836080324000c00b00903340836080334000c00c00903440836080344000c00d00903540836080354000c0
0e00903640836080364000c00f00903740836080374000c01000903840836080384000c01100903940836080394000c0
1200903a408360803a4000c01300903b408360803b4000ff2f00
"""))
import mido, miditoolkit, muspy, pretty_midi, symusic
def wrong_notes(saved):
    programs, wrong = {}, []
    for message in mido.merge_tracks(mido.MidiFile(saved).tracks):
        if message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type == "note_on" and message.velocity > 0:
            if programs[message.channel] != message.note - 40:
                wrong.append(message.note)
    return wrong
saved = path + ".saved.mid"
print("original", wrong_notes(path))
symusic.Score(path).dump_midi(saved)
print("symusic", wrong_notes(saved))
pretty_midi.PrettyMIDI(path).write(saved)
print("pretty_midi", wrong_notes(saved))
miditoolkit.MidiFile(path).dump(saved)
print("miditoolkit", wrong_notes(saved))
muspy.write_midi(saved, muspy.read_midi(path))
print("muspy", wrong_notes(saved))
PROGRAM

cat >"$folder/expected" <<'OUTPUT'
original []
symusic [41, 42, 43, 44]
pretty_midi [41, 42, 43, 44]
miditoolkit [41, 42, 43, 44]
muspy [41, 42, 43, 44]
OUTPUT

"$folder/venv/bin/python" "$folder/look.py" "$folder/song.mid" >"$folder/seen"
cat "$folder/seen"
if ! diff "$folder/expected" "$folder/seen"; then
	echo 'The behaviour has changed.' >&2
	exit 1
fi
