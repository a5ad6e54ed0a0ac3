// Door: `flyball predict`: a bundle's probabilities for rows of a file or frozen dataset, by the encoder and session that serve. Rows
// the model does not answer are written without a probability, counted, and make the exit 1; no row is ever left out.
import type { Command } from "commander";
import type { Scored } from "../stages/score.ts";

type Flags = { bundle: string; data: string; out?: string; json?: boolean };

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("predict")
    .description("score rows offline, by the same code as serving")
    .requiredOption("--bundle <model@version>", "the version that scores")
    .requiredOption("--data <data>", "a frozen dataset, or a .csv, .jsonl (each also .gz) or .parquet file")
    .option("--out <file>", "write .csv or .jsonl here instead of CSV on stdout")
    .option("--json", "machine output: JSON lines where rows go to stdout, a summary with --out")
    .action(run);
};

const run = async (flags: Flags): Promise<void> => {
  const { answer, homeOf, registryHere, withEngine } = await import("./offline.ts");
  const { splitReference } = await import("./frozen.ts");
  const { readRows } = await import("./rows.ts");
  const { progressBar } = await import("./progress.ts");
  const { openBundle } = await import("../adapters/bundle-session.ts");
  const { scoreRows } = await import("../stages/score.ts");
  const { model, version } = splitReference(flags.bundle);
  const bundle = await registryHere().load(model, version);
  const { definition: contract, digest: contractDigest } = bundle.preprocessor.contract;
  const rows = await withEngine(homeOf(), (engineUrl) =>
    readRows(flags.data, { home: homeOf(), engineUrl, contract, contractDigest }),
  );
  const session = await openBundle(bundle);
  const bar = progressBar("scoring");
  const source = { rows: rows.rows, columns: rows.columns, contract, encoding: bundle.encoding };
  const scored = await scoreRows(session, source, (done, total) => bar.at(done, total)).finally(() =>
    session.close(),
  );
  bar.end();
  const jsonl = flags.out === undefined ? flags.json === true : /\.(jsonl|ndjson)$/.test(flags.out);
  await write(flags.out, lines(scored, { jsonl, threshold: bundle.metadata.threshold, entity: rows.entity }));
  const missed = scored.invalid.size + scored.failed;
  const summary = {
    model,
    version,
    rows: rows.rows,
    scored: rows.rows - missed,
    invalid: scored.invalid.size,
    failed: scored.failed,
    threshold: bundle.metadata.threshold,
  };
  if (flags.out !== undefined)
    answer(flags, { ...summary, out: flags.out }, `${summary.scored} of ${rows.rows} rows: ${flags.out}`);
  if (missed === 0) return;
  process.exitCode = 1;
  process.stderr.write(
    `failed: ${scored.invalid.size} rows refused by the encoding, ${scored.failed} by the model${scored.failure === null ? "" : ` (${scored.failure})`}\n`,
  );
};

/** One line a row in the dataset's order; `row` counts from 1. An entity is text and quoted as CSV asks. */
function* lines(
  { scores, invalid }: Scored,
  by: { jsonl: boolean; threshold: number; entity: readonly string[] | null },
): Generator<string> {
  const named = by.entity !== null;
  if (!by.jsonl) yield `row,${named ? "entity," : ""}probability,positive,error`;
  for (let row = 0; row < scores.length; row++) {
    const score = scores[row] ?? NaN;
    const probability = Number.isNaN(score) ? null : score;
    const positive = probability === null ? null : probability >= by.threshold ? 1 : 0;
    const error = probability !== null ? null : invalid.has(row) ? "invalid" : "error";
    const entity = by.entity?.[row] ?? "";
    yield by.jsonl
      ? JSON.stringify({ row: row + 1, ...(named ? { entity } : {}), probability, positive, error })
      : `${row + 1},${named ? `${quoted(entity)},` : ""}${probability ?? ""},${positive ?? ""},${error ?? ""}`;
  }
}

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const LINES_AT_ONCE = 5000;

const write = async (out: string | undefined, all: Iterable<string>): Promise<void> => {
  const { createWriteStream } = await import("node:fs");
  const { Readable } = await import("node:stream");
  const { pipeline } = await import("node:stream/promises");
  const target = out === undefined ? process.stdout : createWriteStream(out);
  await pipeline(Readable.from(chunks(all)), target, { end: out !== undefined });
};

function* chunks(all: Iterable<string>): Generator<string> {
  let open: string[] = [];
  for (const line of all) {
    open.push(line);
    if (open.length < LINES_AT_ONCE) continue;
    yield `${open.join("\n")}\n`;
    open = [];
  }
  if (open.length > 0) yield `${open.join("\n")}\n`;
}
