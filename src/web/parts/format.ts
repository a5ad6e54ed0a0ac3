// Web: numbers, times and names as people read them. What is not known is a dash, never a zero.

export const num = (value: number | null | undefined, digits = 3): string => {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en");
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(digits);
};

export const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? "–" : `${(value * 100).toFixed(1)} %`;

/** A day where the instant is a day's beginning, else day and minute; UTC, as everywhere. */
export const when = (iso: string | null | undefined): string => {
  if (iso === null || iso === undefined || iso === "") return "–";
  return iso.endsWith("T00:00:00.000Z") ? iso.slice(0, 10) : `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
};

/** Instants inside a sentence, as people read them. */
export const plain = (text: string): string =>
  text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (iso) => when(new Date(iso).toISOString()));

export const short = (digest: string): string => digest.slice(0, 10);

/** `roc_auc` as `ROC AUC`, `late_rows` as `late rows`. */
export const words = (name: string): string =>
  NAMES[name] ??
  name
    .replaceAll("_", " ")
    .toLowerCase()
    .replace(/^\w/, (letter) => letter.toUpperCase());

const NAMES: Readonly<Record<string, string>> = {
  roc_auc: "ROC AUC",
  pr_auc: "PR AUC",
  ece: "ECE",
  f1: "F1",
  f1_low: "F1, lower limit",
  brier: "Brier score",
  psi_10: "PSI",
  ks_d: "KS distance",
  w1_over_refstd: "W1 / ref. sd",
  score_psi_10: "Score PSI",
  score_ks_d: "Score KS",
  labelled_score_ks_d: "Labelled score KS",
};

/** Tone of a state, action, status or severity: colour never stands alone, the word is always beside it. */
export const toneOf = (word: string): "good" | "warn" | "bad" | "info" | "quiet" => {
  for (const [tone, list] of TONES) if (list.includes(word)) return tone;
  return "quiet";
};

const TONES: readonly (readonly ["good" | "warn" | "bad" | "info", readonly string[]])[] = [
  ["good", ["serving", "watching", "PROMOTED", "PROMOTE", "steady", "pass", "done", "delivered"]],
  [
    "info",
    [
      "shadowing",
      "training",
      "SHADOWING",
      "PROMOTABLE",
      "TRAINING",
      "SHADOW",
      "RETRAIN",
      "STANDBY",
      "info",
      "pending",
    ],
  ],
  [
    "warn",
    [
      "watch",
      "frozen",
      "insufficient",
      "HOLD",
      "QUARANTINE",
      "quarantined",
      "MONITOR",
      "RETRAIN_RECOMMENDED",
      "warning",
      "not promoted",
    ],
  ],
  [
    "bad",
    [
      "breach",
      "broken",
      "fail",
      "refused",
      "REJECT",
      "REJECTED",
      "ROLLBACK",
      "ROLLED_BACK",
      "SYSTEM_ERROR",
      "RETRAIN_REQUIRED",
      "circuit open",
      "critical",
    ],
  ],
];
