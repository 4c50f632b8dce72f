/** Names of the pieces of a General MIDI drum kit. */

const FIRST = 27;
const NAMES = [
  "High Q", "Slap", "Scratch Push", "Scratch Pull", "Sticks", "Square Click", "Metronome Click", "Metronome Bell",
  "Bass Drum 2", "Bass Drum 1", "Side Stick", "Snare 1", "Hand Clap", "Snare 2", "Low Tom 2", "Closed Hi-hat",
  "Low Tom 1", "Pedal Hi-hat", "Mid Tom 2", "Open Hi-hat", "Mid Tom 1", "High Tom 2", "Crash 1", "High Tom 1",
  "Ride 1", "China", "Ride Bell", "Tambourine", "Splash", "Cowbell", "Crash 2", "Vibraslap", "Ride 2", "High Bongo",
  "Low Bongo", "Mute Conga", "Open Conga", "Low Conga", "High Timbale", "Low Timbale", "High Agogo", "Low Agogo",
  "Cabasa", "Maracas", "Short Whistle", "Long Whistle", "Short Guiro", "Long Guiro", "Claves", "High Woodblock",
  "Low Woodblock", "Mute Cuica", "Open Cuica", "Mute Triangle", "Open Triangle", "Shaker", "Jingle Bell", "Bell Tree",
  "Castanets", "Mute Surdo", "Open Surdo",
];

/** Return the name of a piece, or its note number. */
export const drumName = (pitch) => NAMES[pitch - FIRST] ?? `Note ${pitch}`;
