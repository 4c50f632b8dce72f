/** Drums of the built-in synthesizer: tones that fall in pitch, and filtered noise. */

/**
 * What each piece of a General MIDI kit consists of. `tone`: from and to which frequency in hertz, the time constant
 * of its fall, and its level. `noise`: type and frequency of the filter, its resonance, time constant, and level.
 * `group`: a stroke ends those of the same group before it, as a closed hi-hat ends an open one.
 */
const PIECES = {
  35: { tone: [110, 42, 0.16, 1.2], noise: ["lowpass", 900, 0.7, 0.012, 0.3] },
  36: { tone: [150, 48, 0.13, 1.2], noise: ["lowpass", 1800, 0.7, 0.012, 0.35] },
  37: { tone: [1700, 1650, 0.018, 0.4], noise: ["bandpass", 2400, 3, 0.02, 0.5] },
  38: { tone: [220, 175, 0.06, 0.5], noise: ["highpass", 1300, 0.5, 0.085, 0.7] },
  39: { noise: ["bandpass", 1300, 1.4, 0.075, 1.3] },
  40: { tone: [260, 200, 0.05, 0.5], noise: ["highpass", 1900, 0.5, 0.07, 0.75] },
  42: { noise: ["highpass", 7500, 0.8, 0.022, 0.55], group: "hat" },
  44: { noise: ["highpass", 6500, 0.8, 0.03, 0.4], group: "hat" },
  46: { noise: ["highpass", 7000, 0.8, 0.17, 0.5], group: "hat" },
  49: { noise: ["highpass", 4200, 0.4, 0.55, 0.55] },
  51: { tone: [3400, 3390, 0.11, 0.08], noise: ["highpass", 7600, 0.6, 0.22, 0.32] },
  52: { noise: ["bandpass", 5200, 0.5, 0.4, 0.7] },
  53: { tone: [2600, 2595, 0.2, 0.25], noise: ["highpass", 8000, 0.6, 0.1, 0.16] },
  54: { noise: ["highpass", 8200, 1.5, 0.07, 0.5] },
  55: { noise: ["highpass", 5200, 0.4, 0.25, 0.55] },
  56: { tone: [800, 796, 0.08, 0.45], tone2: [540, 537, 0.1, 0.45] },
  58: { noise: ["bandpass", 2800, 6, 0.25, 0.9] },
  60: { tone: [420, 370, 0.07, 0.7], noise: ["bandpass", 1500, 1, 0.01, 0.2] },
  62: { tone: [330, 310, 0.05, 0.8], noise: ["bandpass", 1200, 1, 0.012, 0.3] },
  65: { tone: [360, 320, 0.11, 0.7], noise: ["bandpass", 2500, 1, 0.03, 0.2] },
  67: { tone: [1150, 1145, 0.1, 0.45], tone2: [1730, 1725, 0.07, 0.2] },
  69: { noise: ["highpass", 5600, 1, 0.035, 0.5] },
  70: { noise: ["highpass", 7200, 1, 0.018, 0.5] },
  71: { tone: [2350, 2330, 0.12, 0.3] },
  73: { noise: ["bandpass", 3400, 4, 0.06, 0.9] },
  75: { tone: [2500, 2490, 0.022, 0.6] },
  76: { tone: [980, 970, 0.035, 0.7] },
  78: { tone: [480, 640, 0.06, 0.5] },
  80: { tone: [4200, 4198, 0.06, 0.25], tone2: [6300, 6297, 0.05, 0.15], group: "triangle" },
  81: { tone: [4200, 4198, 0.5, 0.25], tone2: [6300, 6297, 0.35, 0.15], group: "triangle" },
};

/** Pieces that sound as another one, higher or lower by a factor. */
const LIKE = {
  41: [43, 0.84],
  45: [43, 1.25],
  47: [43, 1.5],
  48: [43, 1.8],
  50: [43, 2.1],
  57: [49, 1.12],
  59: [51, 1.1],
  61: [60, 0.72],
  63: [62, 0.9],
  64: [62, 0.68],
  66: [65, 0.74],
  68: [67, 0.75],
  72: [71, 0.8],
  74: [73, 0.9],
  77: [76, 0.76],
  79: [78, 0.7],
  82: [70, 0.9],
  34: [37, 0.8],
  33: [75, 0.5],
  83: [81, 0.8],
};
const TOM = { tone: [130, 84, 0.17, 1.1], noise: ["lowpass", 1400, 0.7, 0.02, 0.2] };

const scaled = (tone, factor) => tone && [tone[0] * factor, tone[1] * factor, tone[2], tone[3]];

function pieceOf(pitch) {
  const [model, factor] = LIKE[pitch] ?? [pitch, 1];
  const piece =
    model === 43 ? TOM : (PIECES[model] ?? { ...TOM, noise: ["bandpass", 200 + pitch * 40, 1, 0.05, 0.4] });
  if (factor === 1) return piece;
  const noise = piece.noise && [piece.noise[0], piece.noise[1] * factor, ...piece.noise.slice(2)];
  return { ...piece, tone: scaled(piece.tone, factor), tone2: scaled(piece.tone2, factor), noise };
}

/** Start a stroke at a time; return its nodes as a voice with `end(time)` and `until`. */
export function strike(context, output, noiseBuffer, pitch, level, time) {
  const piece = pieceOf(pitch);
  const out = new GainNode(context, { gain: level });
  out.connect(output);
  const sources = [];
  let longest = 0;
  for (const tone of [piece.tone, piece.tone2]) {
    if (!tone) continue;
    sources.push(startTone(context, out, tone, time));
    longest = Math.max(longest, tone[2]);
  }
  if (piece.noise) {
    sources.push(startNoise(context, out, noiseBuffer, piece.noise, time));
    longest = Math.max(longest, piece.noise[3]);
  }
  const until = time + longest * 7 + 0.05;
  for (const source of sources) source.stop(until);
  sources.at(-1).onended = () => out.disconnect();
  return {
    until,
    group: piece.group,
    end(at) {
      out.gain.setTargetAtTime(0, at, 0.012);
      for (const source of sources) source.stop(at + 0.1);
    },
  };
}

function startTone(context, out, [from, to, fall, level], time) {
  const oscillator = new OscillatorNode(context, { frequency: from });
  oscillator.frequency.setValueAtTime(from, time);
  oscillator.frequency.exponentialRampToValueAtTime(to, time + Math.min(0.09, fall));
  oscillator.connect(fallingGain(context, level, fall, time)).connect(out);
  oscillator.start(time);
  return oscillator;
}

function startNoise(context, out, buffer, [type, frequency, Q, fall, level], time) {
  const source = new AudioBufferSourceNode(context, { buffer, loop: true });
  const filter = new BiquadFilterNode(context, { type, frequency, Q });
  source
    .connect(filter)
    .connect(fallingGain(context, level, fall, time))
    .connect(out);
  source.start(time, (time * 7.3) % 1);
  return source;
}

function fallingGain(context, level, fall, time) {
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(level, time);
  gain.gain.setTargetAtTime(0, time + 0.002, fall);
  return gain;
}
