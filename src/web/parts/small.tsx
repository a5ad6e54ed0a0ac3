// Web: the small pieces every page is made of.
import type { ComponentChildren } from "preact";
import type { GateResult } from "../../../contracts/decision.ts";
import { num, plain, toneOf, words } from "./format.ts";

/** A word with the colour of its meaning. */
export const Chip = (props: { word: string; label?: string }) => (
  <span class={`chip ${toneOf(props.word)}`}>{props.label ?? props.word}</span>
);

/** A titled part of a page. */
export const Card = (props: {
  title: string;
  aside?: ComponentChildren;
  wide?: true;
  children: ComponentChildren;
}) => (
  <section class={props.wide === true ? "card wide" : "card"}>
    <header>
      <h2>{props.title}</h2>
      {props.aside !== undefined && <div class="aside">{props.aside}</div>}
    </header>
    {props.children}
  </section>
);

/** One number with its name. */
export const Fact = (props: { name: string; children: ComponentChildren }) => (
  <div class="fact">
    <dt>{props.name}</dt>
    <dd>{props.children}</dd>
  </div>
);

/** A table with a caption for those who hear it; scrolls by itself on a narrow screen. */
export const Table = (props: { caption: string; head: readonly string[]; children: ComponentChildren }) => (
  <div class="scroll" tabIndex={0} role="region" aria-label={props.caption}>
    <table>
      <caption class="heard">{props.caption}</caption>
      <thead>
        <tr>
          {props.head.map((name) => (
            <th scope="col" key={name}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{props.children}</tbody>
    </table>
  </div>
);

const MARKS: Readonly<Record<GateResult["result"], string>> = {
  pass: "✓",
  fail: "✕",
  insufficient: "…",
  not_evaluated: "–",
};

/** Gates as a checklist: those that wait for time first, then those that weigh merit. */
export const Gates = (props: { gates: readonly GateResult[] }) => (
  <ul class="gates">
    {props.gates.map((gate) => (
      <li key={gate.gate} class={toneOf(gate.result)}>
        <b aria-hidden="true">{MARKS[gate.result]}</b>
        <span>
          <strong>{words(gate.gate)}</strong> <Chip word={gate.result} label={words(gate.result)} />
          <small>
            {num(gate.value)} {gate.threshold === null ? "" : `against ${num(gate.threshold)}`} {gate.unit}
            {gate.n === null ? "" : ` · n ${num(gate.n)}`}
            {gate.detail === "" ? "" : ` · ${plain(gate.detail)}`}
          </small>
        </span>
      </li>
    ))}
  </ul>
);

/** A choice among few. */
export const Choice = <T extends string>(props: {
  label: string;
  value: T;
  options: readonly T[];
  name?: (option: T) => string;
  onPick: (option: T) => void;
}) => (
  <label class="choice">
    {props.label}
    <select
      value={props.value}
      onChange={(event) => {
        const picked = props.options.find((option) => option === event.currentTarget.value);
        if (picked !== undefined) props.onPick(picked);
      }}
    >
      {props.options.map((option) => (
        <option key={option} value={option}>
          {props.name?.(option) ?? option}
        </option>
      ))}
    </select>
  </label>
);

/** Text that is too long to show at once. */
export const Folded = (props: { title: string; value: unknown }) => (
  <details>
    <summary>{props.title}</summary>
    <pre tabIndex={0}>{JSON.stringify(props.value, null, 2)}</pre>
  </details>
);
