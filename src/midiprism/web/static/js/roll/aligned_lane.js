/** Moves the notes of one track to where the same music is in another one. */

import { TimeMap } from "./time_map.js";

/**
 * Return the lane of a similar track in the time and the key of a score. `match` says where both have the same
 * music, as `/api/tracks/DIGEST/similar` does. What falls outside of the score is left out.
 */
export function alignedLane(score, other, match) {
  const own = new TimeMap(score);
  const otherMap = new TimeMap(other);
  const ratio = match.tempo_ratio ?? 1;
  const tickOf = (seconds) => {
    const quarters = otherMap.toTicks(seconds) / otherMap.ticksPerQuarter - match.first_quarter;
    return (match.example_quarter + quarters / ratio) * own.ticksPerQuarter;
  };
  const secondsOf = (seconds) => own.toSeconds(Math.max(0, tickOf(seconds)));
  const [lane] = other.lanes;
  const moved = ([seconds, ...rest]) => [secondsOf(seconds), ...rest];
  return {
    ...lane,
    notes: movedNotes(lane.notes, tickOf, own, score.length, lane.isDrums ? 0 : match.transposition),
    programs: lane.programs.map(moved),
    controls: lane.controls.map(moved),
  };
}

function movedNotes(notes, tickOf, timeMap, length, transposition) {
  const moved = { start: [], end: [], tick: [], length: [], pitch: [], velocity: [], channel: [] };
  notes.start.forEach((start, index) => {
    const from = tickOf(start);
    const to = tickOf(notes.end[index]);
    const pitch = notes.pitch[index] - transposition;
    const seconds = timeMap.toSeconds(Math.max(0, from));
    if (from < 0 || seconds >= length || pitch < 0 || pitch > 127) return;
    moved.start.push(seconds);
    moved.end.push(Math.min(length, timeMap.toSeconds(to)));
    moved.tick.push(from);
    moved.length.push(to - from);
    moved.pitch.push(pitch);
    moved.velocity.push(notes.velocity[index]);
    moved.channel.push(notes.channel[index]);
  });
  return moved;
}
