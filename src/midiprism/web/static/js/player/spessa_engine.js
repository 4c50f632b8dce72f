/** SpessaSynth with a sound bank: the same interface as the built-in synthesizer. */

import { getBytes } from "../api.js";
import { BEND_CENTS } from "./builtin_engine.js";
import { presetsOf } from "./score.js";

const BUNDLE = "/static/vendor/spessasynth.js";
const PROCESSOR = "/static/vendor/spessasynth_processor.js";
const MAX_BANKS = 6;
const DRAIN_MS = 260;
const BANK_SELECT = 0;
const VOLUME = 7;
const ALL_SOUND_OFF = 120;
const BEND_RANGE = 12;
const MAX_DECODED = 16;
/** The channel on which nothing is heard comes behind the first sixteen, which are always there. */
const SILENT_CHANNEL = 16;
const DEFAULTS = [
  [7, 100],
  [10, 64],
  [11, 127],
  [64, 0],
  [1, 0],
];

/** Return an engine for the bank of `/api/sound`, or throw if the files of `make web` or an audio worklet are missing. */
export async function openSpessaEngine(context, bank) {
  if (!context.audioWorklet) throw new Error("This page may not use an audio worklet.");
  const [{ WorkletSynthesizer }] = await Promise.all([import(BUNDLE), context.audioWorklet.addModule(PROCESSOR)]);
  const synthesizer = new WorkletSynthesizer(context, { eventsEnabled: false });
  await synthesizer.isReady;
  return new SpessaEngine(context, synthesizer, bank);
}

/**
 * Notes that were sent ahead cannot be taken back. So there are two decks of channels: when it is silenced, one is
 * muted until what was sent has passed, and the other one plays.
 */
class SpessaEngine {
  #context;
  #version;
  #synthesizer;
  #volume;
  #banks = [];
  #lanes = new Map();
  #numbers = new Map();
  #deck = 0;
  #deckSize = 0;
  #channelCount = 17;
  #decoded = new Set();

  constructor(context, synthesizer, bank) {
    this.#context = context;
    this.#version = bank.version;
    this.name = bank.name;
    this.#synthesizer = synthesizer;
    synthesizer.addNewChannel();
    this.#volume = new GainNode(context, { gain: 0.8 });
    synthesizer.connect(this.#volume);
    this.#volume.connect(context.destination);
    this.output = this.#volume;
  }

  get now() {
    return this.#context.currentTime;
  }

  get heardTime() {
    return this.#context.currentTime - (this.#context.outputLatency || 0);
  }

  /** Load the bank with the presets of a score. */
  async loadBank(score) {
    const presets = presetsOf(score);
    const known = this.#banks.find((bank) => bank.presets === presets);
    if (known) return known.ready;
    const bank = { presets, id: `bank ${presets}` };
    bank.ready = getBytes("/api/bank", { presets, version: this.#version }).then((bytes) =>
      this.#synthesizer.soundBankManager.addSoundBank(bytes, bank.id),
    );
    bank.ready.catch(() => (this.#banks = this.#banks.filter((one) => one !== bank)));
    this.#banks.push(bank);
    await bank.ready;
    while (this.#banks.length > MAX_BANKS)
      await this.#synthesizer.soundBankManager.deleteSoundBank(this.#banks.shift().id);
  }

  /** Have the samples of the first notes decompressed, which would delay them: they are played unheard. */
  decodeFirst(score) {
    if (this.#decoded.has(score.key)) return;
    this.#decoded.add(score.key);
    const most = Math.ceil(MAX_DECODED / score.lanes.length);
    for (const lane of score.lanes) {
      const [, , program, bank] = lane.programs[0] ?? [0, 0, lane.isDrums ? 0 : lane.program, 0];
      this.#synthesizer.midiChannels[SILENT_CHANNEL].setDrums(lane.isDrums);
      this.#synthesizer.controllerChange(SILENT_CHANNEL, VOLUME, 0);
      this.#synthesizer.controllerChange(SILENT_CHANNEL, BANK_SELECT, lane.isDrums ? 0 : bank >> 7);
      this.#synthesizer.programChange(SILENT_CHANNEL, program);
      lane.notes.pitch.slice(0, most).forEach((pitch, index) => {
        this.#synthesizer.noteOn(SILENT_CHANNEL, pitch, lane.notes.velocity[index]);
      });
      this.#synthesizer.controllerChange(SILENT_CHANNEL, ALL_SOUND_OFF, 0);
    }
  }

  async prepare(score) {
    await this.loadBank(score);
    this.#lanes = new Map(score.lanes.map((lane) => [lane.index, lane]));
    this.#numbers.clear();
    for (const lane of score.lanes) {
      for (const channel of new Set(lane.notes.channel))
        this.#numbers.set(`${lane.index} ${channel}`, this.#numbers.size);
    }
    this.#deckSize = this.#numbers.size;
    while (this.#channelCount < this.#deckSize * 2 + 1) {
      this.#synthesizer.addNewChannel();
      this.#channelCount += 1;
    }
    for (const deck of [0, 1]) {
      for (const [key, number] of this.#numbers) {
        const lane = this.#lanes.get(Number(key.split(" ")[0]));
        this.#synthesizer.midiChannels[this.#placeOf(number, deck)].setDrums(lane.isDrums);
      }
    }
  }

  setVolume(volume) {
    this.#volume.gain.setTargetAtTime(volume * volume * 1.25, this.now, 0.02);
  }

  resetLane(lane, time) {
    for (const channel of this.#channelsOf(lane.index)) {
      for (const [controller, value] of DEFAULTS)
        this.#synthesizer.controllerChange(channel, controller, value, { time });
      this.#synthesizer.pitchWheelRange(channel, BEND_RANGE, { time });
      this.#synthesizer.pitchWheel(channel, 8192, { time });
      this.#synthesizer.controllerChange(channel, BANK_SELECT, 0, { time });
      this.#synthesizer.programChange(channel, lane.isDrums ? 0 : lane.program, { time });
    }
  }

  setLaneAudible(lane, isAudible) {
    for (const channel of this.#channelsOf(lane)) this.#setMuted(channel, !isAudible);
  }

  noteOn(lane, channelNumber, pitch, velocity, time) {
    const channel = this.#channelOf(lane, channelNumber);
    this.#synthesizer.noteOn(channel, pitch, Math.max(1, velocity), { time });
    return { channel, pitch };
  }

  noteOff({ channel, pitch }, time) {
    this.#synthesizer.noteOff(channel, pitch, { time });
  }

  setProgram(lane, channelNumber, program, bank, time) {
    const channel = this.#channelOf(lane, channelNumber);
    if (channel === undefined) return;
    this.#synthesizer.controllerChange(channel, BANK_SELECT, this.#lanes.get(lane).isDrums ? 0 : bank >> 7, {
      time,
    });
    this.#synthesizer.programChange(channel, program, { time });
  }

  setControl(lane, channelNumber, controller, value, time) {
    const channel = this.#channelOf(lane, channelNumber);
    if (channel === undefined) return;
    if (controller === BEND_CENTS) {
      const wheel = Math.round(8192 + (value / (BEND_RANGE * 100)) * 8192);
      this.#synthesizer.pitchWheel(channel, Math.max(0, Math.min(16383, wheel)), { time });
    } else {
      this.#synthesizer.controllerChange(channel, controller, value, { time });
    }
  }

  silence() {
    const ending = this.#channelsOf();
    for (const channel of ending) this.#setMuted(channel, true);
    this.#deck = 1 - this.#deck;
    for (const channel of this.#channelsOf()) this.#setMuted(channel, false);
    setTimeout(() => {
      for (const channel of ending) this.#synthesizer.controllerChange(channel, ALL_SOUND_OFF, 0);
    }, DRAIN_MS);
  }

  #setMuted(channel, isMuted) {
    this.#synthesizer.midiChannels[channel].setSystemParameter("isMuted", isMuted);
    if (isMuted) this.#synthesizer.controllerChange(channel, ALL_SOUND_OFF, 0);
  }

  #channelOf(lane, channelNumber) {
    const number = this.#numbers.get(`${lane} ${channelNumber}`);
    return number === undefined ? undefined : this.#placeOf(number);
  }

  #placeOf(number, deck = this.#deck) {
    const place = deck * this.#deckSize + number;
    return place < SILENT_CHANNEL ? place : place + 1;
  }

  /** Return the channels of a lane, or of all, on the deck that plays. */
  #channelsOf(lane = null) {
    return [...this.#numbers]
      .filter(([key]) => lane === null || Number(key.split(" ")[0]) === lane)
      .map(([, number]) => this.#placeOf(number));
  }
}
