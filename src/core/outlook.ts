// Core: what the governor would do next with a model and why it does not do it yet, from the book and the newest decision. It only
// explains what was decided; it decides nothing.
import type { ModelState } from "../../contracts/governance.ts";
import type { DecisionItem, Outlook } from "../../contracts/read.ts";

/** One sentence on the next move, and what it waits for. `due`: when the window that is open now is decided. */
export const outlookOf = (state: ModelState, last: DecisionItem | null, due: string): Outlook => {
  if (state.frozen !== null) {
    const until = state.frozen.until === null ? "until someone lifts it" : `until ${state.frozen.until}`;
    return {
      next: "Nothing: the model is frozen.",
      why_not_yet: [`Frozen by ${state.frozen.actor} ${until}: ${state.frozen.reason}`],
    };
  }
  if (state.promoted === null)
    return {
      next: "The first version waits for its bootstrap promotion.",
      why_not_yet: ["No version has been promoted yet."],
    };
  const holds = [...quarantinesOf(state), ...(state.circuit === "open" ? [CIRCUIT] : [])];
  if (last === null)
    return {
      next: `The first decision is due ${due} (UTC), when the first window with requests has closed.`,
      why_not_yet: ["No window has been decided yet.", ...holds],
    };
  if (state.candidate !== null)
    return {
      next: `Promote or reject candidate ${state.candidate}.`,
      why_not_yet: [...openGates(last, state.candidate), ...holds],
    };
  if (state.training !== null)
    return {
      next: `Shadow the version that training ${state.training.trainingId} makes.`,
      why_not_yet: [`Attempt ${state.training.attempt} is under way.`, ...holds],
    };
  return { next: nextWithout(last), why_not_yet: [...whyQuiet(last), ...holds] };
};

const CIRCUIT = "Trainings failed too often: an operator's retrain resets the circuit.";

const quarantinesOf = (state: ModelState): string[] => {
  const open = state.quarantines.filter(({ released }) => !released);
  const [first] = open;
  if (first === undefined) return [];
  return [
    `${open.length} ${open.length === 1 ? "window is" : "windows are"} quarantined, since ${first.windowStart}.`,
  ];
};

/** Gates of the last decision that do not pass; the wait first, because it is what time alone can change. */
const openGates = (last: DecisionItem, candidate: string): string[] => {
  if (last.gates.length === 0) return [`Candidate ${candidate} has not been judged in a closed window yet.`];
  const open = last.gates.filter(({ result }) => result !== "pass" && result !== "not_evaluated");
  if (open.length === 0)
    return ["Every gate passes: the move follows once this decision is carried out or approved."];
  return open.map(({ gate, result, value, threshold, detail }) => {
    const held = value === null ? "unknown" : shown(value);
    const against = threshold === null ? "" : ` against ${shown(threshold)}`;
    return `${gate} ${result === "fail" ? "fails" : "waits"}: ${held}${against} (${detail})`;
  });
};

const shown = (value: number): string => String(Math.round(value * 1e4) / 1e4);

const nextWithout = (last: DecisionItem): string => {
  switch (last.drift_decision) {
    case "RETRAIN_REQUIRED":
      return "Train a new candidate.";
    case "RETRAIN_RECOMMENDED":
      return "Train a new candidate if the drift goes on.";
    case "MONITOR":
      return "Watch more closely: some inputs moved.";
    default:
      return "Keep serving; the next window is decided when it closes.";
  }
};

const whyQuiet = (last: DecisionItem): string[] =>
  last.reasons
    .slice(0, 3)
    .map(({ signal, value, detail }) =>
      detail === ""
        ? `${signal} is ${typeof value === "number" ? shown(value) : (value ?? "unknown")}`
        : detail,
    );
