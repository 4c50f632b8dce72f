/** Notes of the built-in synthesizer: one or two oscillators, a filter, an envelope. */

const waves = new WeakMap();

function waveOf(context, partials) {
  if (!waves.has(context)) waves.set(context, new Map());
  const known = waves.get(context);
  if (!known.has(partials)) {
    const imag = Float32Array.from([0, ...partials]);
    known.set(partials, context.createPeriodicWave(new Float32Array(imag.length), imag));
  }
  return known.get(partials);
}

/** Return the frequency of a MIDI note number in hertz; 69 is 440. */
export const frequencyOf = (pitch) => 440 * 2 ** ((pitch - 69) / 12);

/**
 * Start a note of a patch at a time; return a voice with `release(time)`, `end(time)`, and `until` once it is known.
 * `bend` is a node whose output is the detuning in cents, `noiseBuffer` a buffer of noise.
 */
export function startVoice(context, output, bend, noiseBuffer, patch, pitch, velocity, time) {
  const frequency = frequencyOf(pitch);
  const force = velocity / 127;
  const peak = patch.level * force ** 1.5 * (pitch > 84 ? 0.8 : 1);
  // Low strings ring longer than high ones.
  const decay = patch.decay * Math.min(2.4, Math.max(0.25, 2 ** ((60 - pitch) / 22)));
  const envelope = new GainNode(context, { gain: 0 });
  const attack = patch.attack * (1.3 - 0.5 * force);
  envelope.gain.setValueAtTime(0, time);
  envelope.gain.linearRampToValueAtTime(peak, time + attack);
  if (patch.sustain < 1) envelope.gain.setTargetAtTime(peak * patch.sustain, time + attack, decay);
  const filter = openFilter(context, patch, frequency, force, time, attack, decay);
  filter.connect(envelope).connect(output);

  const sources = [oscillate(context, filter, bend, patch.partials, frequency, 0, time)];
  if (patch.second) {
    const { ratio, level, cents, decay: fall } = patch.second;
    const gain = new GainNode(context, { gain: level });
    if (fall) gain.gain.setTargetAtTime(0, time, fall);
    gain.connect(filter);
    const partials = fall ? [1] : patch.partials;
    sources.push(oscillate(context, gain, bend, partials, frequency * ratio, cents, time));
  }
  if (patch.vibrato) sources.push(addVibrato(context, sources, patch.vibrato, time));
  if (patch.breath) sources.push(addBreath(context, envelope, noiseBuffer, patch.breath, frequency, time));
  sources[0].onended = () => {
    envelope.disconnect();
    for (const source of sources) bendOff(bend, source);
  };
  return new Voice(envelope, sources, patch.release, time + attack);
}

class Voice {
  until = Infinity;

  constructor(envelope, sources, releaseTime, full) {
    Object.assign(this, { envelope, sources, releaseTime, full });
  }

  /** Let the note fade, as when a key is let go. */
  release(time) {
    this.#fade(Math.max(time, Math.min(this.full, time + 0.03)), this.releaseTime / 3);
  }

  /** End the note at once, without a click. */
  end(time) {
    this.#fade(time, 0.008);
  }

  #fade(time, constant) {
    const until = time + constant * 7;
    if (until >= this.until) return;
    this.envelope.gain.cancelAndHoldAtTime?.(time);
    this.envelope.gain.setTargetAtTime(0, time, constant);
    for (const source of this.sources) source.stop(until);
    this.until = until;
  }
}

function oscillate(context, output, bend, partials, frequency, cents, time) {
  const oscillator = new OscillatorNode(context, {
    frequency,
    detune: cents,
    periodicWave: waveOf(context, partials),
  });
  bend.connect(oscillator.detune);
  oscillator.connect(output);
  oscillator.start(time);
  return oscillator;
}

function bendOff(bend, source) {
  if (!(source instanceof OscillatorNode)) return;
  try {
    bend.disconnect(source.detune);
  } catch {
    // A vibrato was never bent.
  }
}

function openFilter(context, patch, frequency, force, time, attack, decay) {
  const limit = context.sampleRate * 0.45;
  const rest = Math.min(limit, 200 + frequency * patch.bright * (0.45 + 0.55 * force));
  const filter = new BiquadFilterNode(context, { type: "lowpass", frequency: rest, Q: 0.5 });
  if (patch.sweep) {
    const open = Math.min(limit, rest + frequency * patch.sweep * force);
    filter.frequency.setValueAtTime(open, time);
    filter.frequency.setTargetAtTime(rest, time + attack, Math.min(0.25, decay / 2));
  }
  return filter;
}

function addVibrato(context, oscillators, cents, time) {
  const vibrato = new OscillatorNode(context, { frequency: 5.2 });
  const depth = new GainNode(context, { gain: 0 });
  depth.gain.setValueAtTime(0, time + 0.25);
  depth.gain.linearRampToValueAtTime(cents, time + 0.7);
  vibrato.connect(depth);
  for (const oscillator of oscillators) depth.connect(oscillator.detune);
  vibrato.start(time);
  return vibrato;
}

function addBreath(context, output, buffer, level, frequency, time) {
  const source = new AudioBufferSourceNode(context, { buffer, loop: true });
  const filter = new BiquadFilterNode(context, {
    type: "bandpass",
    frequency: Math.min(9000, frequency * 2),
    Q: 0.8,
  });
  source
    .connect(filter)
    .connect(new GainNode(context, { gain: level }))
    .connect(output);
  source.start(time, (time * 3.1) % 1);
  return source;
}
