/** Scores: what a player plays. A track is a score of one lane, a song has a lane for each of its tracks. */

/** Return the score of a track from `/api/tracks/DIGEST` (or a row of a search) and its notes. */
export function trackScore(track, answer) {
  return makeScore(`track ${track.digest}`, answer, [
    {
      digest: track.digest,
      name: track.name,
      instrument: track.instrument,
      is_drums: answer.is_drums,
      program: track.program,
      notes: answer.notes,
      programs: answer.programs,
      controls: answer.controls,
    },
  ]);
}

/** Return the score of a song from `/api/songs/ID/notes`. */
export function songScore(id, answer) {
  // Tracks of words alone are no lanes.
  return makeScore(
    `song ${id}`,
    answer,
    answer.lanes.filter((lane) => lane.notes.start.length > 0),
  );
}

/** Return a score with a lane behind those that it has. */
export function withLane(score, lane) {
  const lanes = [...score.lanes, { ...lane, index: score.lanes.length }];
  return { ...score, key: `${score.key} with ${lane.digest}`, lanes };
}

function makeScore(key, answer, lanes) {
  const starts = lanes.map((lane) => lane.notes.start[0] ?? Infinity);
  return {
    key,
    // A track alone begins with its first note: what comes before is for its song.
    begin: lanes.length === 1 && starts[0] !== Infinity ? starts[0] : 0,
    length: answer.length_seconds ?? 0,
    tempos: answer.tempos,
    meters: answer.meters,
    ticksPerQuarter: answer.ticks_per_quarter,
    words: answer.words ?? [],
    lanes: lanes.map((lane, index) => ({
      index,
      digest: lane.digest,
      name: lane.name,
      instrument: lane.instrument,
      isDrums: Boolean(lane.is_drums),
      program: lane.program ?? 0,
      notes: lane.notes,
      programs: lane.programs ?? [],
      controls: lane.controls ?? [],
    })),
  };
}

/** Kinds of events. At one time, notes end before settings change, and those before notes begin. */
export const NOTE_OFF = 0;
export const PROGRAM = 1;
export const CONTROL = 2;
export const NOTE_ON = 3;

/** Return all events of a score by their time in seconds, as columns: time, kind, lane, index in the lane. */
export function sortedEvents(score) {
  const list = [];
  for (const lane of score.lanes) {
    lane.notes.start.forEach((start, index) => {
      list.push([start, NOTE_ON, lane.index, index], [lane.notes.end[index], NOTE_OFF, lane.index, index]);
    });
    lane.programs.forEach((row, index) => list.push([row[0], PROGRAM, lane.index, index]));
    lane.controls.forEach((row, index) => list.push([row[0], CONTROL, lane.index, index]));
  }
  list.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  return {
    time: Float64Array.from(list, (event) => event[0]),
    kind: Uint8Array.from(list, (event) => event[1]),
    lane: Uint16Array.from(list, (event) => event[2]),
    index: Uint32Array.from(list, (event) => event[3]),
  };
}

/** Return the first index of sorted times that is not below a time. */
export function firstAt(times, time) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Most semitones by which a listener transposes. */
export const MOST_TRANSPOSED = 12;

/**
 * Return the presets and keys that a score needs, as the server takes them: `0-33:24.25.60-72,128-0:36`. Drums have
 * bank 128. Other keys are wanted as far as one can transpose.
 */
export function presetsOf(score) {
  const keys = new Map();
  for (const lane of score.lanes) {
    const margin = lane.isDrums ? 0 : MOST_TRANSPOSED;
    for (const preset of presetsOfLane(lane)) {
      if (!keys.has(preset)) keys.set(preset, new Set());
      for (const pitch of new Set(lane.notes.pitch)) {
        for (let key = Math.max(0, pitch - margin); key <= Math.min(127, pitch + margin); key++)
          keys.get(preset).add(key);
      }
    }
  }
  return [...keys]
    .sort()
    .map(([preset, used]) => `${preset}:${rangesOf([...used].sort((one, other) => one - other))}`)
    .join(",");
}

function presetsOfLane(lane) {
  if (lane.programs.length === 0) return [lane.isDrums ? "128-0" : `0-${lane.program}`];
  return new Set(
    lane.programs.map(([, , program, bank]) =>
      lane.isDrums ? `128-${program}` : `${bank ? bank >> 7 : 0}-${program}`,
    ),
  );
}

function rangesOf(sorted) {
  const ranges = [];
  for (const key of sorted) {
    if (ranges.length && ranges.at(-1)[1] === key - 1) ranges.at(-1)[1] = key;
    else ranges.push([key, key]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(".");
}
