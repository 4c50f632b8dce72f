"""Renders what the player of a page plays, and measures when notes begin and which ones they are."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from playwright.sync_api import Page

RATE = 44_100
LEAD = 0.008
"""Seconds after which the player begins with one lane."""

Sound = NDArray[np.float32]

_RENDER = """
async ({ kind, id, seconds, solo, actions, rate }) => {
  const { Transport } = await import("/static/js/player/transport.js");
  const { BuiltinEngine } = await import("/static/js/player/builtin_engine.js");
  const { songScore, trackScore } = await import("/static/js/player/score.js");
  const answer = await (await fetch(`/api/${kind}s/${id}/notes`)).json();
  const facts = await (await fetch(`/api/${kind}s/${id}`)).json();
  const score = kind === "track" ? trackScore(facts, answer) : songScore(id, answer);
  const context = new OfflineAudioContext(1, seconds * rate, rate);
  const engine = new BuiltinEngine(context, { wet: 0 });
  await engine.prepare(score);
  let tick = () => {};
  const transport = new Transport((call) => {
    tick = call;
    return () => (tick = () => {});
  });
  transport.setScore(score);
  if (solo !== null) transport.setSolo(solo, true);
  transport.play(engine, 0);
  // Rendering pauses where the page's timer would run.
  for (let time = 0.05; time < seconds - 0.01; time += 0.05) {
    context.suspend(time).then(() => {
      for (const action of actions.filter((one) => !one.isDone && one.at <= time)) {
        action.isDone = true;
        if (action.name === "seek") transport.seek(action.value);
        else transport[action.name] = action.value;
      }
      tick();
      context.resume();
    });
  }
  const rendered = (await context.startRendering()).getChannelData(0);
  const bytes = new Uint8Array(rendered.buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) {
    text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  }
  return btoa(text);
}
"""


_RENDER_NOTES = """
async ({ notes, seconds, rate }) => {
  const { BuiltinEngine } = await import("/static/js/player/builtin_engine.js");
  const rendered = new Float32Array(notes.length * Math.round(seconds * rate));
  let at = 0;
  for (const [isDrums, program, pitch] of notes) {
    const context = new OfflineAudioContext(1, Math.round(seconds * rate), rate);
    const engine = new BuiltinEngine(context, { wet: 0 });
    await engine.prepare({ lanes: [{ index: 0, isDrums, program }] });
    engine.noteOff(engine.noteOn(0, 0, pitch, 100, 0), seconds - 0.1);
    const samples = (await context.startRendering()).getChannelData(0);
    rendered.set(samples, at);
    at += samples.length;
  }
  const bytes = new Uint8Array(rendered.buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) {
    text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  }
  return btoa(text);
}
"""


def render_notes(page: "Page", notes: Sequence[tuple[bool, int, int]], seconds: float = 0.4) -> Sound:
    """Return notes of the built-in synthesizer, a row of samples for each.

    Args:
        page: any page of the server.
        notes: whether it is of a drum kit, the program, and the pitch, for each.
        seconds: of sound for each.
    """
    text = page.evaluate(_RENDER_NOTES, {"notes": [*notes], "seconds": seconds, "rate": RATE})
    return np.frombuffer(base64.b64decode(text), dtype="<f4").reshape(len(notes), -1)


def render(
    page: "Page",
    kind: str,
    identifier: object,
    seconds: float,
    *,
    solo: int | None = None,
    actions: list[dict[str, Any]] | None = None,
) -> Sound:
    """Return what the built-in synthesizer plays of a track or song, in samples.

    Args:
        page: any page of the server.
        kind: ``track`` or ``song``.
        identifier: digest of the track, or id of the song.
        seconds: of sound.
        solo: index of the lane that is heard alone.
        actions: of a listener: ``at`` (seconds), ``name`` (``seek``, ``rate``, ``transpose``, ``loop``), and
            ``value``.
    """
    settings = {
        "kind": kind,
        "id": str(identifier),
        "seconds": seconds,
        "solo": solo,
        "actions": actions or [],
        "rate": RATE,
    }
    return np.frombuffer(base64.b64decode(page.evaluate(_RENDER, settings)), dtype="<f4")


def onsets(sound: Sound) -> list[float]:
    """Return the seconds at which sounds begin: where the peak of 10 ms doubles within 30 ms."""
    block = RATE // 1000
    peaks = np.abs(sound[: len(sound) // block * block]).reshape(-1, block).max(axis=1)
    held = np.array([peaks[max(0, index - 9) : index + 1].max() for index in range(len(peaks))])
    floor = 0.05 * float(held.max())
    found: list[float] = []
    for index, level in enumerate(held):
        before = float(held[max(0, index - 30) : index].min(initial=0.0 if not index else np.inf))
        seconds = index * block / RATE
        if level > floor and level > 2 * before and (not found or seconds - found[-1] > 0.08):
            found.append(seconds)
    return found


def pitch_at(sound: Sound, seconds: float, length: float = 0.16) -> float:
    """Return the MIDI note number of what sounds, as a fraction: from the autocorrelation."""
    start = int((seconds + 0.03) * RATE)
    part = np.asarray(sound[start : start + int(length * RATE)], dtype=float)
    part = (part - part.mean()) * np.hanning(len(part))
    spectrum = np.abs(np.fft.rfft(part, 4 * len(part))) ** 2
    correlation = np.fft.irfft(spectrum)[: len(part)]
    shortest, longest = RATE // 2_000, RATE // 50
    peak = shortest + int(np.argmax(correlation[shortest:longest]))
    strong = 0.9 * correlation[peak]
    # The shortest period that explains nearly as much.
    for lag in range(shortest, peak + 1):
        if correlation[lag] >= strong and correlation[lag - 1] <= correlation[lag] >= correlation[lag + 1]:
            peak = lag
            break
    low, middle, high = correlation[peak - 1 : peak + 2]
    period = peak + (low - high) / (2 * (low - 2 * middle + high))
    return 69 + 12 * float(np.log2(RATE / period / 440))
