/** Plots of series over time, in SVG. */

import { h, svg } from "../dom.js";
import { duration, oneDigit, shortCount } from "../format.js";

const WIDTH = 420;
const HEIGHT = 170;
const LEFT = 46;
const BOTTOM = 24;
const TOP = 8;
const SERIES = 6;

/**
 * Return a plot. `series` has `{name, values}` with a value for each of `times` (seconds); `isShare` scales to 100 %,
 * and `isStacked` shows each series on top of those before.
 */
export function linePlot(title, times, series, { isShare = false, isStacked = false } = {}) {
  const most = isShare ? 1 : Math.max(1e-9, ...series.flatMap(({ values }) => values.filter(Number.isFinite)));
  const end = Math.max(1e-9, times.at(-1) ?? 1);
  const x = (time) => LEFT + (time / end) * (WIDTH - LEFT - 8);
  const y = (value) => TOP + (1 - value / most) * (HEIGHT - TOP - BOTTOM);
  const text = (value) =>
    isShare ? `${Math.round(value * 100)} %` : value < 10 ? oneDigit(value) : shortCount(value);
  const picture = svg("svg", {
    class: "line-plot",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    "aria-label": summary(title, series, text),
  });
  for (const share of [0, 0.5, 1]) {
    const level = y(most * share);
    picture.append(
      svg("line", { class: "axis", x1: LEFT, x2: WIDTH - 8, y1: level, y2: level }),
      svg("text", { x: LEFT - 8, y: level + 4, "text-anchor": "end" }, text(most * share)),
    );
  }
  picture.append(
    svg("text", { x: LEFT, y: HEIGHT - 6 }, "0 s"),
    svg("text", { x: WIDTH - 8, y: HEIGHT - 6, "text-anchor": "end" }, duration(end)),
  );
  const place = (at, value) => `${x(times[at]).toFixed(1)},${y(Math.min(most, value)).toFixed(1)}`;
  if (isStacked) picture.append(...stackedAreas(series, times, place));
  else {
    series.forEach(({ values }, index) => {
      const points = values.flatMap((value, at) => (Number.isFinite(value) ? [place(at, value)] : []));
      picture.append(svg("polyline", { class: `series-${index % SERIES}`, points: points.join(" ") }));
    });
  }
  return h(
    "section",
    { class: "plot" },
    h("h2", { text: title }),
    picture,
    series.length > 1 && legend(series, isStacked ? "area" : "series"),
  );
}

/** Return a polygon for each series, over the times at which some value is known. */
function stackedAreas(series, times, place) {
  const known = times.flatMap((_, at) => (series.some(({ values }) => values[at] > 0) ? [at] : []));
  let below = new Map(known.map((at) => [at, 0]));
  return series.map(({ values }, index) => {
    const above = new Map(known.map((at) => [at, below.get(at) + (Number.isFinite(values[at]) ? values[at] : 0)]));
    const points = [
      ...known.map((at) => place(at, above.get(at))),
      ...[...known].reverse().map((at) => place(at, below.get(at))),
    ];
    below = above;
    return svg("polygon", { class: `area-${index % SERIES}`, points: points.join(" ") });
  });
}

const legend = (series, kind) =>
  h(
    "p",
    { class: "legend" },
    series.map(({ name }, index) => h("span", {}, h("i", { class: `${kind}-${index % SERIES}` }), name)),
  );

function summary(title, series, text) {
  const parts = series.map(({ name, values }) => {
    const known = values.filter(Number.isFinite);
    return known.length ? `${name} ${text(Math.min(...known))} to ${text(Math.max(...known))}` : name;
  });
  return `${title}: ${parts.join(", ")}`;
}
