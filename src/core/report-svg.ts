// Core: the small charts of a drift report as SVG text. Colours come from the page's CSS classes, so one drawing serves light, dark
// and paper; every chart says in words what it shows. Pure functions of shares; no scripts, no fonts, no requests.
import type { Bars } from "./report-bars.ts";

const WIDTH = 560;
const HEIGHT = 160;
const BASE = 132;
const TOP = 18;

/** Escapes text for HTML and SVG. */
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** Reference as a filled shape, current as a line over it (steps) or as bars side by side (names). */
export const overlaySvg = ({ shape, bars }: Bars, title: string): string => {
  const tallest = Math.max(1e-9, ...bars.flatMap(({ reference, current }) => [reference, current]));
  const y = (share: number): number => BASE - (share / tallest) * (BASE - TOP);
  const slot = WIDTH / Math.max(1, bars.length);
  const drawing = shape === "steps" ? steps(bars, slot, y) : pairs(bars, slot, y);
  const said = bars
    .filter(({ reference, current }) => Math.max(reference, current) >= 0.02)
    .map((bar) => `${bar.label}: ${percent(bar.reference)} before, ${percent(bar.current)} now`)
    .join("; ");
  return (
    `<svg class="overlay" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" preserveAspectRatio="xMidYMid meet">` +
    `<title>${escaped(title)}</title><desc>${escaped(said)}</desc>` +
    `<line class="grid" x1="0" x2="${WIDTH}" y1="${TOP}" y2="${TOP}"/>` +
    `<line class="axis" x1="0" x2="${WIDTH}" y1="${BASE}" y2="${BASE}"/>` +
    `${drawing}${labels(bars, slot, shape)}` +
    `<text class="tick" x="${WIDTH}" y="${TOP - 5}" text-anchor="end">${percent(tallest)}</text></svg>`
  );
};

type Drawn = Bars["bars"];

/** The last bar may be what is missing: it stands apart, for it has no place on the axis. */
const steps = (bars: Drawn, slot: number, y: (share: number) => number): string => {
  const inner = bars.filter(({ label }) => label !== "missing");
  const outline = (side: "reference" | "current"): string =>
    inner
      .map((bar, at) => `L${f(at * slot)} ${f(y(bar[side]))}L${f((at + 1) * slot)} ${f(y(bar[side]))}`)
      .join("");
  const end = f(inner.length * slot);
  const missing = bars.length > inner.length ? pairs(bars.slice(-1), slot, y, inner.length * slot) : "";
  return (
    `<path class="ref-fill" d="M0 ${BASE}${outline("reference")}L${end} ${BASE}Z"/>` +
    `<path class="cur-fill" d="M0 ${BASE}${outline("current")}L${end} ${BASE}Z"/>` +
    `<path class="cur-line" d="M0 ${BASE}${outline("current")}L${end} ${BASE}"/>${missing}`
  );
};

const pairs = (bars: Drawn, slot: number, y: (share: number) => number, from = 0): string => {
  const gap = Math.min(6, slot * 0.15);
  const width = (slot - 2 * gap) / 2;
  return bars
    .map(({ reference, current }, at) => {
      const x = from + at * slot + gap;
      const bar = (name: string, left: number, share: number): string =>
        `<rect class="${name}" x="${f(left)}" y="${f(y(share))}" width="${f(Math.max(1, width - 1))}" height="${f(BASE - y(share))}" rx="1.5"/>`;
      return bar("ref-bar", x, reference) + bar("cur-bar", x + width, current);
    })
    .join("");
};

/** As many names as fit; on an axis only its ends and what is missing. */
const labels = (bars: Drawn, slot: number, shape: Bars["shape"]): string => {
  const text = (at: number, anchor: string, label: string): string =>
    `<text class="tick" x="${f(at)}" y="${HEIGHT - 10}" text-anchor="${anchor}">${escaped(label)}</text>`;
  if (shape === "steps") {
    const inner = bars.filter(({ label }) => label !== "missing");
    const [low] = (inner.find(({ label }) => label.includes(" to "))?.label ?? "").split(" to ");
    const high = (inner.findLast(({ label }) => label.includes(" to "))?.label ?? "").split(" to ")[1];
    const missing = bars.length > inner.length ? text(WIDTH, "end", "missing") : "";
    const right = inner.length * slot - (missing === "" ? 0 : 34);
    return text(0, "start", low ?? "") + text(right, "end", high ?? "") + missing;
  }
  const letters = Math.max(3, Math.floor(slot / 6.2));
  const every = Math.max(1, Math.ceil(26 / slot));
  return bars
    .map(({ label }, at) => {
      if (at % every !== 0 && label !== "missing") return "";
      const shown = label.length > letters ? `${label.slice(0, letters - 1)}…` : label;
      return text((at + 0.5) * slot, "middle", shown);
    })
    .join("");
};

/** A bar from nothing to a threshold and beyond: how far an effect reaches, the threshold at the mark. */
export const reachSvg = (ratio: number, status: string): string => {
  const width = 160;
  const mark = 96;
  const reach = ratio <= 1 ? ratio * mark : mark + (width - mark) * (1 - 1 / ratio);
  return (
    `<svg class="reach" viewBox="0 0 ${width} 12" aria-hidden="true"><rect class="track" width="${width}" height="6" y="3" rx="3"/>` +
    `<rect class="fill ${status}" width="${f(Math.max(reach > 0 ? 2 : 0, reach))}" height="6" y="3" rx="3"/>` +
    `<line class="mark" x1="${mark}" x2="${mark}" y1="0" y2="12"/></svg>`
  );
};

const f = (value: number): string => String(Math.round(value * 10) / 10);

/** A share in per cent, as many digits as it deserves. */
export const percent = (share: number): string => {
  const value = 100 * share;
  return `${value >= 10 || value === 0 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toPrecision(1)} %`;
};
