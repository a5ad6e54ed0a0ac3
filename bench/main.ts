// Bench: the door. Runs one bench by its name and prints its result as JSON, after a line about the machine. It measures nothing
// itself; numbers of different machines are not compared.
import { parseArgs } from "node:util";
import { machine } from "./processes.ts";

type Bench = () => Promise<{ run(args: { json?: string; minutes?: number }): Promise<object> }>;

/** Benches by name, loaded when asked for. */
const BENCHES: Readonly<Record<string, Bench>> = {
  predict: () => import("./predict.ts"),
  batch: () => import("./batch.ts"),
  record: () => import("./record.ts"),
  peer: () => import("./peer.ts"),
  freshness: () => import("./freshness.ts"),
  freeze: () => import("./freeze.ts"),
  train: () => import("./train.ts"),
  null: () => import("./null.ts"),
  streams: () => import("./streams.ts"),
  windows: () => import("./windows.ts"),
  compare: () => import("./compare.ts"),
  decisions: () => import("./decisions.ts"),
  dashboard: () => import("./dashboard.ts"),
};

const USAGE = `usage: npm run bench -- NAME [--json FILE] [--minutes N]\nbenches: ${Object.keys(BENCHES).join(", ")}\n`;

/** Runs what the words ask for; answers the exit code: 0 done, 2 usage. */
const main = async (words: readonly string[]): Promise<number> => {
  const asked = wordsOf(words);
  if (asked.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const load = asked.name === null ? undefined : BENCHES[asked.name];
  if (asked.problem !== null || load === undefined) {
    process.stderr.write(`${asked.problem ?? `no bench is named ${asked.name ?? "nothing"}`}\n${USAGE}`);
    return 2;
  }
  process.stderr.write(`${JSON.stringify(machine())}\n`);
  const { run } = await load();
  const result = await run({
    ...(asked.json === null ? {} : { json: asked.json }),
    ...(asked.minutes === null ? {} : { minutes: asked.minutes }),
  });
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  return 0;
};

interface Asked {
  readonly help: boolean;
  readonly name: string | null;
  readonly json: string | null;
  /** How long `predict` loads the api to see its memory. */
  readonly minutes: number | null;
  readonly problem: string | null;
}

const wordsOf = (words: readonly string[]): Asked => {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: {
        json: { type: "string" },
        minutes: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
      allowPositionals: true,
    });
    const problem =
      positionals.length > 1
        ? `one bench at a time, not ${positionals.length}: ${positionals.join(" ")}`
        : values.minutes !== undefined && !/^\d{1,3}$/.test(values.minutes)
          ? "--minutes takes a whole number"
          : null;
    const minutes = values.minutes === undefined ? null : Number(values.minutes);
    const name = positionals[0] ?? null;
    return { help: values.help === true, name, json: values.json ?? null, minutes, problem };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { help: false, name: null, json: null, minutes: null, problem };
  }
};

process.exitCode = await main(process.argv.slice(2));
