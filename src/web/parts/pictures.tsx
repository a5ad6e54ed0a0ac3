// Web: small pictures drawn as SVG: reference beside current, a distribution, predicted against observed, pairs of scores, a spark of volume.
// Each says in words what it shows.
import type { Bar, CalibrationBin, DeltaBin } from "../../../contracts/read.ts";
import { num, percent } from "./format.ts";
import { Table } from "./small.tsx";

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** Reference (outline) and current (filled) shares, bar by bar. */
export const Histograms = (props: { bars: readonly Bar[]; nReference: number; nCurrent: number }) => {
  const { nReference, nCurrent } = props;
  // The many rare values together would dwarf every bar: they are told in words.
  const rest = props.bars.find((bar) => bar.kind === "other" && bar.label.endsWith(" more"));
  const bars = props.bars.filter((bar) => bar !== rest);
  const most = Math.max(
    ...bars.map((bar) => Math.max(share(bar.reference, nReference), share(bar.current, nCurrent))),
    1e-9,
  );
  const step = 600 / Math.max(1, bars.length);
  const height = (n: number, whole: number): number => (170 * share(n, whole)) / most;
  return (
    <figure>
      <figcaption>
        <span class="key tone3">reference, {num(nReference)} rows</span>
        <span class="key tone1">this window, {num(nCurrent)} rows</span>
      </figcaption>
      <svg
        viewBox="0 0 600 180"
        class="picture"
        role="img"
        aria-label="Shares by value; the table below has the numbers"
        preserveAspectRatio="none"
      >
        {bars.map((bar, i) => (
          <g key={bar.label}>
            <rect
              class="reference"
              x={i * step + step * 0.1}
              width={step * 0.4}
              y={178 - height(bar.reference, nReference)}
              height={height(bar.reference, nReference)}
            />
            <rect
              class={`current ${bar.kind}`}
              x={i * step + step * 0.5}
              width={step * 0.4}
              y={178 - height(bar.current, nCurrent)}
              height={height(bar.current, nCurrent)}
            >
              <title>{`${bar.label}: ${percent(share(bar.reference, nReference))} before, ${percent(share(bar.current, nCurrent))} now`}</title>
            </rect>
          </g>
        ))}
        <line x1="0" x2="600" y1="178.5" y2="178.5" />
      </svg>
      <p class="ends">
        <span>{bars[0]?.label}</span>
        <span>{bars.at(-1)?.label}</span>
      </p>
      {rest !== undefined && (
        <p class="quiet">
          {rest.label} values together: {percent(share(rest.reference, nReference))} before,{" "}
          {percent(share(rest.current, nCurrent))} now.
        </p>
      )}
      <details>
        <summary>Numbers</summary>
        <Table caption="Shares by value" head={["Value", "Reference", "Current", "Change"]}>
          {props.bars.map((bar) => (
            <tr key={bar.label}>
              <th scope="row">{bar.label}</th>
              <td>{percent(share(bar.reference, nReference))}</td>
              <td>{percent(share(bar.current, nCurrent))}</td>
              <td>{percent(share(bar.current, nCurrent) - share(bar.reference, nReference))}</td>
            </tr>
          ))}
        </Table>
      </details>
    </figure>
  );
};

/** |Δp| of pairs; everything beyond the last filled step is cut off. */
export const DeltaBars = (props: { delta: readonly DeltaBin[] }) => {
  const last = props.delta.findLastIndex((bin) => bin.pairs > 0);
  const bins = props.delta.slice(0, Math.max(10, last + 1));
  const total = bins.reduce((sum, bin) => sum + bin.pairs, 0);
  const most = Math.max(...bins.map((bin) => bin.pairs), 1);
  const step = 600 / bins.length;
  return (
    <figure>
      <figcaption>{num(total)} pairs, by how far apart the two scores are</figcaption>
      <svg
        viewBox="0 0 600 180"
        class="picture"
        role="img"
        aria-label={`Distribution of score differences over ${total} pairs`}
        preserveAspectRatio="none"
      >
        {bins.map((bin, i) => (
          <rect
            key={bin.low}
            class="current"
            x={i * step + 1}
            width={Math.max(1, step - 2)}
            y={178 - (170 * bin.pairs) / most}
            height={(170 * bin.pairs) / most}
          >
            <title>{`${num(bin.low, 2)} to ${num(bin.high, 2)}: ${num(bin.pairs)} pairs`}</title>
          </rect>
        ))}
        <line x1="0" x2="600" y1="178.5" y2="178.5" />
      </svg>
      <p class="ends">
        <span>0 (same score)</span>
        <span>{num(bins.at(-1)?.high, 2)}</span>
      </p>
    </figure>
  );
};

/** A square of predicted (across) against observed (up) with 95 % intervals; the diagonal is perfect. */
export const CalibrationCurve = (props: { bins: readonly CalibrationBin[] }) => {
  const top = Math.min(1, Math.max(...props.bins.flatMap((bin) => [bin.predicted, bin.high]), 0.05) * 1.1);
  const x = (value: number): number => (300 * value) / top;
  const y = (value: number): number => 300 - (300 * value) / top;
  const path = props.bins.map((bin) => `${x(bin.predicted)},${y(bin.observed)}`).join(" ");
  return (
    <figure>
      <svg
        viewBox="-4 -4 308 308"
        class="square"
        role="img"
        aria-label="Calibration: predicted against observed; the table below has the numbers"
      >
        <rect class="frame" x="0" y="0" width="300" height="300" />
        <line class="diagonal" x1="0" y1="300" x2="300" y2="0" />
        {props.bins.map((bin) => (
          <line
            key={bin.predicted}
            class="whisker"
            x1={x(bin.predicted)}
            x2={x(bin.predicted)}
            y1={y(bin.low)}
            y2={y(bin.high)}
          />
        ))}
        <polyline class="curve" points={path} />
        {props.bins.map((bin) => (
          <circle key={bin.predicted} cx={x(bin.predicted)} cy={y(bin.observed)} r="4">
            <title>{`predicted ${percent(bin.predicted)}, observed ${percent(bin.observed)}, n ${num(bin.n)}`}</title>
          </circle>
        ))}
      </svg>
      <p class="ends">
        <span>predicted 0</span>
        <span>{percent(top)}</span>
      </p>
      <details>
        <summary>Numbers</summary>
        <Table caption="Calibration" head={["Predicted", "Observed", "95 % interval", "Rows"]}>
          {props.bins.map((bin) => (
            <tr key={bin.predicted}>
              <th scope="row">{percent(bin.predicted)}</th>
              <td>{percent(bin.observed)}</td>
              <td>
                {percent(bin.low)} – {percent(bin.high)}
              </td>
              <td>{num(bin.n)}</td>
            </tr>
          ))}
        </Table>
      </details>
    </figure>
  );
};

/** Production's score across, the shadow's up, one dot a request. */
export const Scatter = (props: { sample: readonly (readonly [number, number])[] }) => {
  const top = Math.min(1, Math.max(...props.sample.flat(), 0.05) * 1.05);
  return (
    <figure>
      <svg
        viewBox="-4 -4 308 308"
        class="square"
        role="img"
        aria-label={`Scores of ${props.sample.length} requests, production across, shadow up`}
      >
        <rect class="frame" x="0" y="0" width="300" height="300" />
        <line class="diagonal" x1="0" y1="300" x2="300" y2="0" />
        {props.sample.map(([production, shadow], i) => (
          <circle key={i} class="dot" cx={(300 * production) / top} cy={300 - (300 * shadow) / top} r="2.2" />
        ))}
      </svg>
      <p class="ends">
        <span>production 0</span>
        <span>{num(top, 2)}</span>
      </p>
    </figure>
  );
};

/** Values over time without axes; gaps where nothing is known. */
export const Spark = (props: { label: string; values: readonly (number | null)[] }) => {
  const known = props.values.filter((value) => value !== null);
  const most = Math.max(...known, 1e-9);
  const step = 120 / Math.max(1, props.values.length);
  return (
    <svg viewBox="0 0 120 28" class="spark" role="img" aria-label={props.label} preserveAspectRatio="none">
      {props.values.map((value, i) =>
        value === null ? null : (
          <rect
            key={i}
            x={i * step}
            width={Math.max(0.5, step - 1)}
            y={28 - (26 * value) / most}
            height={(26 * value) / most}
          />
        ),
      )}
    </svg>
  );
};
