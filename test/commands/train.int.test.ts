// `flyball train` as people run it: a trainer of their own gets the fitting rows and no others and its model is measured as ours are;
// stopped, it leaves nothing; a training of ours that was killed goes on to the same bytes.
import type { ChildProcess } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { seeded } from "../../src/core/training/seeded.ts";
import { startCommand } from "../support/command.ts";

const folder = mkdtempSync(path.join(tmpdir(), "flyball-train-"));
const home = path.join(folder, "home");
const contract = path.join(folder, "shop.yaml");
const started: ChildProcess[] = [];
afterAll(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});
/** Whole processes with an engine each: a busy machine takes its time. */
const PATIENCE_MS = 300_000;

const start = (...words: readonly string[]) => {
  const command = startCommand(words, { FLYBALL_HOME: home });
  started.push(command.child);
  return command;
};
const flyball = async <T>(word: z.ZodType<T>, ...words: readonly string[]): Promise<T> => {
  const { status, out, err } = await start(...words, "--json").ended;
  if (status !== 0) throw new Error(`${words.join(" ")}: ${err}`);
  return word.parse(JSON.parse(out));
};

const Frozen = z.object({ rows: z.int(), from: z.string(), to: z.string() });
const Trained = z.object({
  version: z.string(),
  metrics: z.object({ test: z.record(z.string(), z.number().nullable()) }),
});
const train = (...words: readonly string[]) =>
  flyball(Trained, "train", "--contract", contract, "--data", "all", ...words);
const bundleOf = (version: string, file: string): string =>
  readFileSync(path.join(home, "registry", "shop", version, file), "utf8");
const digestOf = (version: string): string =>
  z.object({ model_digest: z.string() }).parse(JSON.parse(bundleOf(version, "metadata.yaml"))).model_digest;

const ROWS = 3000;
const timeOf = (row: number): number => Date.UTC(2026, 0, 1) + row * 60_000;
beforeAll(async () => {
  mkdirSync(home);
  writeFileSync(
    contract,
    "name: shop\nversion: 1.0.0\nlabel: { name: bought, positive: 1, negative: 0 }\nevent_time: at\n" +
      "features:\n  price: { kind: continuous, min: 0, max: 100 }\n  visits: { kind: continuous, min: 0, max: 100 }\n",
  );
  const draw = seeded(5);
  const lines = Array.from({ length: ROWS }, (_, row) => {
    const [price, visits] = [100 * draw(), 100 * draw()];
    const bought = draw() < 1 / (1 + Math.exp((price - visits) / 15)) ? 1 : 0;
    return `${new Date(timeOf(row)).toISOString()},${price},${visits},${bought}`;
  });
  writeFileSync(path.join(folder, "all.csv"), `at,price,visits,bought\n${lines.join("\n")}\n`);
  const [older, newer] = [lines.slice(0, ROWS * 0.9), lines.slice(ROWS * 0.9)];
  for (const [name, part] of [
    ["older", older],
    ["newer", newer],
    ["mixed", [...newer, ...older.slice(-40)]],
  ] as const)
    writeFileSync(path.join(folder, `${name}.csv`), `at,price,visits,bought\n${part.join("\n")}\n`);
  await freeze("all.csv", "all");
}, PATIENCE_MS);
const freeze = (file: string, name: string) =>
  flyball(Frozen, "data", "freeze", "--contract", contract, path.join(folder, file), "--as", name);

it(
  "a trainer of one's own learns from the fitting rows only, and its model is measured as ours are",
  { timeout: PATIENCE_MS },
  async () => {
    const ours = await train("--family", "logistic-regression");
    // It hands in the model we made: what is measured must then be what we measured.
    const model = path.join(home, "registry", "shop", ours.version, "model.onnx");
    const lesson = path.join(folder, "lesson.parquet");
    const script = `cp "$FLYBALL_TRAIN_DATA" ${lesson}; cp ${model} "$1"`;
    const theirs = await train("--trainer", JSON.stringify(["sh", "-c", script, "sh", "{output}"]));
    for (const [name, value] of Object.entries(ours.metrics.test))
      expect(theirs.metrics.test[name], name).toBeCloseTo(value ?? NaN, 5);
    expect(digestOf(theirs.version)).toBe(digestOf(ours.version));
    const metadata = bundleOf(theirs.version, "metadata.yaml");
    expect(metadata).toContain('"family":"external"');
    expect(metadata).toContain(`"rows":{"calibrate":${ROWS * 0.2},"fit":${ROWS * 0.6},"test":${ROWS * 0.2}}`);
    const seen = await freeze("lesson.parquet", "lesson");
    expect(seen.rows).toBe(ROWS * 0.6);
    expect(Date.parse(seen.to)).toBeLessThan(timeOf(ROWS * 0.8)); // the newest fifth is what it is judged on
  },
);

it(
  "rows to test on that are rows to learn from are refused (TC-05, TC-77), others are what it is measured on",
  { timeout: PATIENCE_MS },
  async () => {
    await freeze("older.csv", "older");
    await freeze("newer.csv", "newer");
    await freeze("mixed.csv", "mixed");
    const before = readdirSync(path.join(home, "registry", "shop"));
    const on = ["train", "--contract", contract, "--family", "logistic-regression", "--data", "older"];
    for (const [test, share] of [
      ["older", "100.0 %"],
      ["mixed", "11.8 %"],
    ] as const) {
      const { status, err } = await start(...on, "--test", test).ended;
      expect({
        test,
        status,
        said: err.includes(`refused: in_sample: ${share} of its rows lie among`),
      }).toEqual({
        test,
        status: 1,
        said: true,
      });
    }
    expect(readdirSync(path.join(home, "registry", "shop"))).toEqual(before);
    const { metrics } = await flyball(Trained, ...on, "--test", "newer");
    expect(metrics.test["n"]).toBe(ROWS * 0.1);
  },
);

it(
  "what the configuration says of the fit is what the bundle was fitted with",
  { timeout: PATIENCE_MS },
  async () => {
    const words = [
      "train",
      "--contract",
      contract,
      "--data",
      "all",
      "--family",
      "gradient-boosted-trees",
      "--json",
    ];
    const { child, ended } = startCommand(words, {
      FLYBALL_HOME: home,
      FLYBALL_TRAINING_SEED: "77",
      FLYBALL_TRAINING_CLASS_WEIGHT: "balanced",
      FLYBALL_TRAINING_PARAMETERS: '{"boosting":{"trees":7,"leaves":4,"patience":0}}',
    });
    started.push(child);
    const { version } = Trained.parse(JSON.parse((await ended).out));
    expect(JSON.parse(bundleOf(version, "metadata.yaml"))).toMatchObject({
      seed: 77,
      parameters: { class_weight: "balanced", trees: 7, leaves: 4, patience: 0, learning_rate: 0.1 },
    });
  },
);

it(
  "a trainer that fails is refused with its words, and one that is stopped leaves nothing",
  { timeout: PATIENCE_MS },
  async () => {
    const before = readdirSync(path.join(home, "registry", "shop"));
    const words = ["train", "--contract", contract, "--data", "all", "--trainer"];
    const failed = await start(...words, JSON.stringify(["sh", "-c", "echo no licence >&2; exit 4"])).ended;
    expect(failed.status).toBe(1);
    expect(failed.err).toMatch(/refused: trainer_failed: .*4: no licence/s);
    const begun = path.join(folder, "begun");
    const long = start(...words, JSON.stringify(["sh", "-c", `echo $$ > ${begun}; sleep 600`]));
    while (!existsSync(begun)) await pause(20);
    long.child.kill("SIGINT");
    const stopped = await long.ended;
    expect(stopped.status).toBe(1);
    expect(stopped.err).toContain("trainer_stopped");
    expect(readdirSync(path.join(home, "tmp"))).toEqual([]);
    expect(readdirSync(path.join(home, "registry", "shop"))).toEqual(before);
  },
);

it(
  "a training that is killed goes on where it stopped and gives the bytes of one that was not",
  { timeout: PATIENCE_MS },
  async () => {
    const words = ["--family", "gradient-boosted-trees", "--search", "4"];
    const first = start("train", "--contract", contract, "--data", "all", ...words);
    const notes = (): number => {
      const file = readdirSync(path.join(home, "tmp")).find((name) => name.endsWith(".trees"));
      return file === undefined ? 0 : readFileSync(path.join(home, "tmp", file), "utf8").split("\n").length;
    };
    while (notes() < 10) await pause(5);
    first.child.kill("SIGKILL");
    await first.ended;
    expect(notes()).toBeGreaterThanOrEqual(10);
    const second = start("train", "--contract", contract, "--data", "all", ...words, "--json");
    const { out, err } = await second.ended;
    expect(err).toMatch(/going on after \d+ trees/);
    expect(notes()).toBe(0);
    const again = await train(...words);
    expect(digestOf(Trained.parse(JSON.parse(out)).version)).toBe(digestOf(again.version));
  },
);
