/** The built-in synthesizer: needs nothing but WebAudio, so sound never needs an installation. */

import { strike } from "./drum_kit.js";
import { patchOf } from "./patches.js";
import { startVoice } from "./voice.js";

const MAX_VOICES = 80;
const VOLUME = 7;
const PAN = 10;
const EXPRESSION = 11;
const SUSTAIN = 64;
const ALL_SOUND_OFF = 120;
/** Number under which the server sends pitch bends among controllers: cents. */
export const BEND_CENTS = 128;

/** Plays on any `BaseAudioContext`, also one that renders offline. */
export class BuiltinEngine {
  name = "Built-in synthesizer";
  #context;
  #master;
  #room;
  #noise;
  #lanes = new Map();
  #voices = [];

  constructor(context, { wet = 0.12 } = {}) {
    this.#context = context;
    this.#master = new GainNode(context, { gain: 0.5 });
    const limiter = new WaveShaperNode(context, { curve: softCurve() });
    this.#master.connect(limiter).connect(context.destination);
    this.#noise = noiseBuffer(context);
    this.output = limiter;
    if (wet) {
      this.#room = new ConvolverNode(context, { buffer: roomBuffer(context) });
      this.#room.connect(new GainNode(context, { gain: wet })).connect(this.#master);
    }
  }

  get now() {
    return this.#context.currentTime;
  }

  /** The time on the audio clock of what comes out of the loudspeaker now. */
  get heardTime() {
    return this.#context.currentTime - (this.#context.outputLatency || 0);
  }

  /** Get ready for a score; this engine always is. */
  async prepare(score) {
    for (const lane of this.#lanes.values()) lane.input.disconnect();
    this.#lanes.clear();
    for (const lane of score.lanes) this.#lanes.set(lane.index, this.#newLane(lane));
  }

  setVolume(volume) {
    this.#master.gain.setTargetAtTime(volume * volume, this.now, 0.02);
  }

  /** Bring a lane's settings to what holds at the beginning of a file. */
  resetLane(lane, time) {
    const known = this.#lanes.get(lane.index);
    for (const channel of known.channels.values()) {
      channel.program = lane.program;
      this.#setSustain(channel, false, time);
      channel.volume = 100;
      channel.expression = 127;
      this.#applyLevel(channel, time);
      channel.pan.pan.setValueAtTime(0, time);
      channel.bend.offset.setValueAtTime(0, time);
    }
  }

  setLaneAudible(lane, isAudible) {
    this.#lanes.get(lane).input.gain.setTargetAtTime(isAudible ? 1 : 0, this.now, 0.008);
  }

  noteOn(lane, channelNumber, pitch, velocity, time) {
    const known = this.#lanes.get(lane);
    const channel = this.#channelOf(known, channelNumber);
    this.#makeRoom(time);
    const voice = known.isDrums
      ? this.#strike(channel, pitch, velocity, time)
      : startVoice(
          this.#context,
          channel.level,
          channel.bend,
          this.#noise,
          patchOf(channel.program),
          pitch,
          velocity,
          time,
        );
    const playing = { voice, channel };
    this.#voices.push(playing);
    return playing;
  }

  noteOff({ voice, channel }, time) {
    if (!voice.release) return; // drums ring out
    if (channel.isHeld) channel.held.push(voice);
    else voice.release(time);
  }

  setProgram(lane, channelNumber, program, bank, time) {
    this.#channelOf(this.#lanes.get(lane), channelNumber).program = program;
  }

  setControl(lane, channelNumber, controller, value, time) {
    const channel = this.#channelOf(this.#lanes.get(lane), channelNumber);
    if (controller === SUSTAIN) this.#setSustain(channel, value >= 64, time);
    else if (controller === PAN) channel.pan.pan.setValueAtTime(Math.max(-1, (value - 64) / 63), time);
    else if (controller === BEND_CENTS) channel.bend.offset.setValueAtTime(value, time);
    else if (controller === VOLUME || controller === EXPRESSION) {
      channel[controller === VOLUME ? "volume" : "expression"] = value;
      this.#applyLevel(channel, time);
    } else if (controller === ALL_SOUND_OFF) {
      for (const playing of this.#voices) if (playing.channel === channel) playing.voice.end(time);
    }
  }

  /** End all that sounds, and all that was to sound. */
  silence() {
    for (const { voice } of this.#voices) voice.end(this.now);
    this.#voices = [];
    for (const lane of this.#lanes.values()) {
      for (const channel of lane.channels.values()) channel.held = [];
    }
  }

  #newLane(lane) {
    const input = new GainNode(this.#context);
    input.connect(this.#master);
    if (this.#room) input.connect(this.#room);
    return { input, isDrums: lane.isDrums, program: lane.program, channels: new Map() };
  }

  #channelOf(lane, number) {
    if (!lane.channels.has(number)) {
      const level = new GainNode(this.#context, { gain: 0.62 });
      const pan = new StereoPannerNode(this.#context);
      const bend = new ConstantSourceNode(this.#context, { offset: 0 });
      level.connect(pan).connect(lane.input);
      bend.start();
      lane.channels.set(number, {
        level,
        pan,
        bend,
        program: lane.program,
        volume: 100,
        expression: 127,
        isHeld: false,
        held: [],
        strokes: new Map(),
      });
    }
    return lane.channels.get(number);
  }

  #applyLevel(channel, time) {
    const level = ((channel.volume * channel.expression) / (127 * 127)) ** 2;
    channel.level.gain.setValueAtTime(level, time);
  }

  #setSustain(channel, isHeld, time) {
    channel.isHeld = isHeld;
    if (isHeld) return;
    for (const voice of channel.held) voice.release(time);
    channel.held = [];
  }

  #strike(channel, pitch, velocity, time) {
    const level = (velocity / 127) ** 1.4 * 0.75;
    const voice = strike(this.#context, channel.level, this.#noise, pitch, level, time);
    if (voice.group) {
      channel.strokes.get(voice.group)?.end(time);
      channel.strokes.set(voice.group, voice);
    }
    return voice;
  }

  #makeRoom(time) {
    if (this.#voices.length < MAX_VOICES) return;
    this.#voices = this.#voices.filter(({ voice }) => voice.until > time);
    while (this.#voices.length >= MAX_VOICES) this.#voices.shift().voice.end(time);
  }
}

function softCurve() {
  return Float32Array.from({ length: 2049 }, (_, index) => Math.tanh((index / 1024 - 1) * 1.2) / Math.tanh(1.2));
}

function noiseBuffer(context) {
  const buffer = new AudioBuffer({ length: context.sampleRate * 2, sampleRate: context.sampleRate });
  fillNoise(buffer.getChannelData(0), () => 1, 1);
  return buffer;
}

function roomBuffer(context) {
  const length = Math.round(context.sampleRate * 0.9);
  const buffer = new AudioBuffer({ length, numberOfChannels: 2, sampleRate: context.sampleRate });
  for (const side of [0, 1]) {
    fillNoise(buffer.getChannelData(side), (share) => (1 - share) ** 3 * Math.exp(-4 * share), side + 2);
  }
  return buffer;
}

/** Fill samples with noise that is the same each time. */
function fillNoise(samples, levelAt, seed) {
  let state = seed * 7919;
  for (let index = 0; index < samples.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    samples[index] = (state / 2147483648) * levelAt(index / samples.length);
  }
}
