// Door: `flyball labels load DATA`: outcomes from a file to a running api. The whole file is read and checked first: every mistake is named
// by its row, and nothing is sent until there is none. What the api rejects is named by its row, too, and makes the exit 1.
import type { Command } from "commander";
import { z } from "zod";
import { LabelItem, LABELS_MAX } from "../../contracts/api.ts";
import type { LabelLine } from "../adapters/label-file.ts";

interface Flags {
  model?: string;
  url?: string;
  json?: boolean;
}

interface Refusal {
  readonly row: number;
  readonly errors: readonly string[];
}

/** Rows named at most; the count is always whole. */
const NAMED_MAX = 100;

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("labels")
    .description("what came true, for requests that were answered")
    .command("load")
    .description("send labels of a file to a running api; the same file again changes nothing")
    .argument(
      "<data>",
      ".csv, .jsonl (each also .gz) or .parquet with request_id, label, observed_at and, if wanted, source",
    )
    .option("--model <name>", "the model the requests were for (default: the only one)")
    .option("--url <url>", "the api (default: the running stack's)")
    .option("--json", "machine output")
    .action(load);
};

const load = async (file: string, flags: Flags): Promise<void> => {
  const { answer, homeOf, withEngine } = await import("./offline.ts");
  const { readLabelFile } = await import("../adapters/label-file.ts");
  const { progressBar } = await import("./progress.ts");
  const { withApi } = await import("./api.ts");
  const engine = <T>(use: (url: string) => Promise<T>): Promise<T> => withEngine(homeOf(), use);

  let rows = 0;
  let wrong = 0;
  const mistakes: Refusal[] = [];
  await readLabelFile(file, engine, (lines) => {
    for (const line of lines) {
      rows += 1;
      const errors = errorsOf(line);
      if (errors.length === 0) continue;
      wrong += 1;
      if (mistakes.length < NAMED_MAX) mistakes.push({ row: line.row, errors });
    }
  });
  if (wrong > 0) {
    if (flags.json === true) answer(flags, { rows, accepted: 0, refused: wrong, rejected: mistakes }, "");
    return refuse(`${file}: ${wrong} of ${rows} rows are no labels; nothing was sent`, mistakes, wrong);
  }

  const bar = progressBar("sending");
  let accepted = 0;
  let refused = 0;
  const rejected: Refusal[] = [];
  await withApi(flags.url, async (client, at) => {
    let waiting: LabelLine[] = [];
    const send = async (): Promise<void> => {
      const batch = waiting.splice(0, LABELS_MAX);
      const outcome = await sendBatch(client, at, flags.model, batch);
      accepted += outcome.accepted;
      refused += outcome.rejected.length;
      for (const { index, errors } of outcome.rejected)
        if (rejected.length < NAMED_MAX)
          rejected.push({ row: batch[index]?.row ?? 0, errors: errors.map(sayError) });
      bar.at(accepted + refused, rows);
    };
    await readLabelFile(file, engine, async (lines) => {
      waiting = waiting.concat(lines);
      while (waiting.length >= LABELS_MAX) await send();
    });
    while (waiting.length > 0) await send();
  });
  bar.end();
  answer(flags, { rows, accepted, refused, rejected }, `${accepted} of ${rows} labels accepted`);
  if (refused > 0) refuse(`${refused} of ${rows} labels were rejected`, rejected, refused);
};

const errorsOf = ({ item }: LabelLine): readonly string[] => {
  if (item === null) return ["cannot be read: expected as many cells as the header has, or a JSON object"];
  const parsed = LabelItem.safeParse(item);
  return parsed.success
    ? []
    : parsed.error.issues.map((issue) =>
        issue.code === "unrecognized_keys"
          ? `unknown column ${issue.keys.map((key) => key.slice(0, 64)).join(", ")}`
          : issue.path.length === 1 && !Object.hasOwn(item, String(issue.path[0]))
            ? `no column ${String(issue.path[0])}`
            : sayError({ path: issue.path.map(String).join("."), message: issue.message }),
      );
};

const Answered = z.object({
  accepted: z.int(),
  rejected: z.array(
    z.object({ index: z.int(), errors: z.array(z.object({ path: z.string(), message: z.string() })) }),
  ),
});

/** Sends once more while the api is busy: a label sent twice is the same label. */
const sendBatch = async (
  client: { post(path: string, body: string): Promise<{ status: number; body: string }> },
  at: string,
  model: string | undefined,
  batch: readonly LabelLine[],
): Promise<z.infer<typeof Answered>> => {
  const { asked } = await import("./api.ts");
  const body = JSON.stringify({
    ...(model === undefined ? {} : { model }),
    labels: batch.map((line) => line.item),
  });
  for (let waitMs = 100; ; waitMs *= 2) {
    const told = client.post("/api/v1/labels", body);
    const { status } = await told.catch(() => ({ status: 0 }));
    if ((status !== 429 && status !== 503) || waitMs > 10_000)
      return Answered.parse(JSON.parse((await asked(at, "labels", told)).body));
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
};

const sayError = ({ path, message }: { path: string; message: string }): string =>
  path === "" ? message : `${path}: ${message}`;

const refuse = (what: string, rows: readonly Refusal[], count: number): void => {
  process.exitCode = 1;
  const more = count > rows.length ? [`  and ${count - rows.length} more`] : [];
  const named = rows.map(({ row, errors }) => `  row ${row}: ${errors.join("; ")}`);
  process.stderr.write(`refused: ${[what, ...named, ...more].join("\n")}\n`);
};
