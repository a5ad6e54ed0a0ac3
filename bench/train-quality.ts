// Bench `train`, quality: both families on four public tables, against scikit-learn and LightGBM on the same rows and sets. Fits exactly
// as `flyball train` does by default; the peers' calibrators are chosen in their favour. Says which of the wanted bounds hold.
import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { encodeFrozen, freezeEncoding } from "../src/core/encode.ts";
import { metricsOf } from "../src/core/performance.ts";
import { fitModel, predictFitted, type Family } from "../src/core/training/fit-model.ts";
import { takeRows, type TrainingMatrix } from "../src/core/training/matrix.ts";
import { randomSplit, temporalSplit, type RowSets } from "../src/core/training/split.ts";
import { readTable, type Table } from "./tables.ts";

const Scores = z.object({ roc_auc: z.number(), brier: z.number(), ece: z.number() });
const Peers = z.record(z.string(), Scores);
const Said = z.object({ "logistic-regression": Peers, "gradient-boosted-trees": Peers });

export interface QualityRow {
  readonly table: string;
  readonly split: "random" | "temporal";
  readonly family: Family;
  readonly ours: z.infer<typeof Scores>;
  /** By library; empty without a Python that has them. */
  readonly peers: z.infer<typeof Peers>;
  /** ROC-AUC less the best peer's; Brier less the best peer's; null without peers. */
  readonly auc_ahead: number | null;
  readonly brier_behind: number | null;
  /** Whether every bound holds; null on temporal splits, where the world changes after the fitting rows and no bound is set. */
  readonly kept: boolean | null;
}

/** At most so far behind the best peer. */
const AUC_BEHIND_MAX = 0.003;
const BRIER_BEHIND_MAX = 0.002;
/** After calibration. */
const ECE_MAX = 0.02;
const FRACTIONS = { fit: 0.6, calibrate: 0.2, test: 0.2 };
const SEED = 1;
const FAMILIES = ["logistic-regression", "gradient-boosted-trees"] as const;
/** The tables whose rows are in order of time have both splits. */
const TRIALS = [
  ["give-me-some-credit", "random"],
  ["adult-census", "random"],
  ["bank-marketing", "random"],
  ["bank-marketing", "temporal"],
  ["elec2", "random"],
  ["elec2", "temporal"],
] as const;

/** Measures every table, split and family; `python` names an interpreter with scikit-learn, LightGBM and pandas, or is null. */
export const measureQuality = async (folder: string, python: string | null): Promise<QualityRow[]> => {
  const rows: QualityRow[] = [];
  for (const [name, split] of TRIALS) {
    const table = readTable(name);
    const sets =
      split === "random"
        ? randomSplit(table.rows, SEED, FRACTIONS)
        : temporalSplit(table.rows, null, FRACTIONS, SEED);
    const said =
      python === null ? null : await askPeers(path.join(folder, `${name}-${split}`), table, sets, python);
    for (const family of FAMILIES) {
      const row = rowOf({
        table: name,
        split,
        family,
        ours: fitted(table, sets, family),
        peers: said?.[family] ?? {},
      });
      process.stderr.write(`${lineOf(row)}\n`);
      rows.push(row);
    }
  }
  return rows;
};

const fitted = (table: Table, sets: RowSets, family: Family): z.infer<typeof Scores> => {
  const { contract, columns, label } = table;
  const encoding = freezeEncoding({ contract, contractDigest: "bench", dataset: table.name, columns });
  const matrix: TrainingMatrix = { rows: table.rows, ...encodeFrozen({ columns, label }, encoding) };
  const fitting = fitModel({
    encoding,
    family,
    parameters: {},
    seed: SEED,
    search: 1,
    fit: takeRows(matrix, sets.fit),
    stop: takeRows(matrix, sets.stop),
    calibrate: takeRows(matrix, sets.calibrate),
  });
  if ("refused" in fitting) throw new Error(`${table.name}: ${fitting.detail}`);
  const test = takeRows(matrix, sets.test);
  const { roc_auc, brier, ece } = metricsOf(test.label, predictFitted(fitting.model, test), 0.5);
  return { roc_auc: roc_auc ?? NaN, brier, ece };
};

const askPeers = async (
  folder: string,
  { contract, columns, label, rows }: Table,
  sets: RowSets,
  python: string,
): Promise<z.infer<typeof Said>> => {
  await mkdir(folder);
  const shape: { name: string; file: string; words: number }[] = [];
  for (const [at, name] of Object.keys(contract.features).entries()) {
    const column = columns[name];
    if (column === undefined) throw new Error(`no column ${name}`);
    const words = column instanceof Float64Array ? 0 : column.dictionary.length;
    shape.push({ name, file: `c${at}`, words });
    // What is missing has the largest index; as a signed number it is -1, which is how pandas says missing.
    await writeFile(path.join(folder, `c${at}`), column instanceof Float64Array ? column : column.indices);
  }
  const part = new Uint8Array(rows);
  [sets.fit, sets.stop, sets.calibrate, sets.test].forEach((ids, set) =>
    ids.forEach((id) => (part[id] = set)),
  );
  await writeFile(path.join(folder, "shape.json"), JSON.stringify({ columns: shape }));
  await writeFile(path.join(folder, "label"), label);
  await writeFile(path.join(folder, "set"), part);
  const script = fileURLToPath(new URL("../../bench/peers/quality.py", import.meta.url)); // from dist/bench
  const said = execFileSync(python, ["-W", "ignore", script, folder]).toString();
  return Said.parse(JSON.parse(said.trim().split("\n").at(-1) ?? ""));
};

const rowOf = (row: Omit<QualityRow, "auc_ahead" | "brier_behind" | "kept">): QualityRow => {
  const peers = Object.values(row.peers);
  const compared = peers.length > 0;
  const auc_ahead = compared ? row.ours.roc_auc - Math.max(...peers.map((peer) => peer.roc_auc)) : null;
  const brier_behind = compared ? row.ours.brier - Math.min(...peers.map((peer) => peer.brier)) : null;
  const within =
    (auc_ahead === null || auc_ahead >= -AUC_BEHIND_MAX) &&
    (brier_behind === null || brier_behind <= BRIER_BEHIND_MAX) &&
    row.ours.ece <= ECE_MAX;
  const kept = row.split === "random" ? within : null;
  return { ...row, auc_ahead, brier_behind, kept };
};

const lineOf = ({ table, split, family, ours, auc_ahead, brier_behind, kept }: QualityRow): string => {
  const signed = (value: number | null): string =>
    value === null ? "–" : `${value < 0 ? "" : "+"}${value.toFixed(4)}`;
  const { roc_auc, brier, ece } = ours;
  return (
    `${table} ${split} ${family}: auc ${roc_auc.toFixed(4)} (${signed(auc_ahead)}) brier ${brier.toFixed(4)} ` +
    `(${signed(brier_behind)}) ece ${ece.toFixed(4)} ${kept === null ? "no bound" : kept ? "kept" : "MISSED"}`
  );
};
