/** Plots of a run over time. */

import { linePlot } from "./lines.js";

const MOST = 400;

/** Return the plots of a run's timeline; none if too little is known. */
export function timelinePlots(timeline) {
  if (timeline.length < 2) return [];
  const step = Math.max(1, Math.ceil(timeline.length / MOST));
  const points = timeline.filter((_, index) => index % step === 0);
  const times = points.map((point) => point.elapsed_seconds);
  const stages = [...new Set(points.flatMap((point) => Object.keys(point.stages)))].filter((name) =>
    points.some((point) => (point.stages[name] ?? 0) > 0.02),
  );
  const devices = [...new Set(points.flatMap((point) => Object.keys(point.device_busy)))];
  const used = [
    { name: "processors", values: points.map((point) => point.cpu) },
    ...devices.map((name) => ({ name, values: points.map((point) => point.device_busy[name] ?? NaN) })),
  ];
  return [
    linePlot("Songs a second", times, [{ name: "songs a second", values: points.map((point) => point.rate) }]),
    stages.length > 0 &&
      linePlot(
        "Share of the stages in the workers' time",
        times,
        stages.map((name) => ({ name, values: points.map((point) => point.stages[name] ?? NaN) })),
        { isShare: true, isStacked: true },
      ),
    linePlot("Utilization", times, used, { isShare: true }),
  ];
}
