// End to end: a stranger follows the README with data of their own, in a fresh folder: every sh block of "Bring your own model and data" is
// carried out as it stands, then recorded data lives through a replayed clock; the keys of docs/security.md are made and ended.
import { once } from "node:events";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { projectRoot } from "../../src/adapters/config.ts";
import { blocksOf } from "../support/documents.ts";
import { churn, createReader } from "../support/reader.ts";

const { folder, home, sh, start, up, down, leave } = createReader();

beforeAll(() => writeFileSync(path.join(folder, "churn.csv"), churn()));
afterAll(leave);

describe("the README's own model and data", () => {
  const [demo, infer, freeze, train, begin, predict, load, ...rest] = blocksOf("README.md").filter(
    ({ language }) => language === "sh",
  );
  let answered = "";

  it("has the steps this test walks, and no other", () => {
    expect(demo?.text).toMatch(/^npm run demo .*\nnpm test .*\n$/);
    expect(rest).toEqual([]);
  });

  it("drafts a contract, freezes, trains, and registers a model from elsewhere", async () => {
    await sh(infer?.text ?? "");
    await sh(freeze?.text ?? "");
    const [first = "", second = ""] = (train?.text ?? "").split("\n");
    await sh(first);
    copyFileSync(
      path.join(home, "registry", "churn", "1.0.0", "model.onnx"),
      path.join(folder, "model.onnx"),
    );
    await sh(second);
    expect(await sh("flyball models ls --json")).toContain("1.1.0");
    expect(await sh("flyball models ls")).toMatch(
      /^VERSION .*\nchurn@1\.0\.0 +– +gradient-boosted-trees .*\nchurn@1\.1\.0 +– +external /,
    );
    expect(await sh("flyball data ls")).toMatch(/^NAME .*\nmarch +[0-9a-f]{12} +churn@1\.0\.0 +3000 +3000 /);
    // The contract is edited under its old version: said where it is checked, before a training refuses it.
    await sh("sed 's/horizon: 24h/horizon: 48h/' contracts/features/churn@1.0.0.yaml > edited.yaml");
    const told = await sh("flyball contract check edited.yaml 2>&1 1>/dev/null");
    expect(told).toMatch(/^note: churn@1\.0\.0 had other rules when march was frozen/);
    expect(await sh("flyball contract check contracts/features/churn@1.0.0.yaml 2>&1 1>/dev/null")).toBe("");
  });

  it("is trained by a program of one's own and registered by name, as docs/trainers.md has it", async () => {
    const blocks = blocksOf("docs/trainers.md").filter(({ language }) => language === "sh");
    // Its contract, data and output are the demo's; here they are the reader's.
    const [trainer = "", register = "", ...more] = blocks.map(({ text }) =>
      text
        .replaceAll("flight-delay@1.0.0", "churn@1.0.0")
        .replaceAll("january", "march")
        .replaceAll("probabilities:1", "probability"),
    );
    expect(more).toEqual([]);
    // Where there is no scikit-learn, a python of ours hands in a model that is there; the command stays as it stands.
    await sh(`mkdir -p docs && cp -r ${projectRoot()}/docs/examples docs/
      python3 -c 'import sklearn, skl2onnx' 2>/dev/null || {
        printf '#!/bin/sh\\ntest -f "$1" && test -s "$FLYBALL_TRAIN_DATA" && cp model.onnx "$FLYBALL_TRAIN_OUTPUT"\\n' > bin/python3
        chmod +x bin/python3
      }`);
    expect(await sh(trainer)).toMatch(/^churn@1\.2\.0 is published/);
    expect(await sh(register)).toContain("churn@1.3.0");
  });

  it("runs, promotes, predicts, and takes labels from a file", async () => {
    const lines = (begin?.text ?? "").trim().split("\n");
    const starts = lines.findIndex((line) => line.endsWith("&"));
    expect(lines[starts]).toBe("npx flyball up &");
    await sh(lines.slice(0, starts).join("\n"));
    const { api } = await up();
    await sh(lines.slice(starts + 1).join("\n"));
    await expect.poll(async () => (await fetch(`${api}/readyz`)).status, { timeout: 30_000 }).toBe(200);
    // Asked again it has nothing to do and leaves nothing; an empty day is told and not kept.
    const seq = async () =>
      z.object({ seq: z.int() }).parse(JSON.parse(await sh("flyball governance status --json"))).seq;
    const before = await seq();
    expect(await sh('flyball governance promote churn@1.0.0 --reason "once more"')).toMatch(/serves already/);
    expect(await seq()).toBe(before);
    expect(await sh("flyball governance status")).toMatch(
      / VERSION +STATE +ALIAS .*\n +1\.0\.0 +PROMOTED +Production /,
    );
    await sh("! flyball governance status chrn 2>why.txt; grep 'did you mean churn?' why.txt");
    await sh(
      "! flyball governance promote churn@1.0.9 --reason slip 2>why.txt; grep 'did you mean 1.0.0?' why.txt",
    );
    await sh("! flyball report --window 2026-01-01 2>why.txt; grep 'nothing was kept' why.txt");
    expect(existsSync(path.join(home, "reports"))).toBe(false);
    answered = await sh((predict?.text ?? "").replace("localhost:8080", new URL(api).host));
    const { request_id } = z
      .object({ request_id: z.uuid(), probability: z.number() })
      .parse(JSON.parse(answered));
    const observed = new Date().toISOString();
    writeFileSync(
      path.join(folder, "outcomes.csv"),
      `request_id,label,observed_at,source\n${request_id},1,${observed},crm\n`,
    );
    expect(await sh(load?.text ?? "")).toBe("1 of 1 labels accepted\n");
    // The same words as JSON lines and zipped; one row that is no label sends nothing at all.
    writeFileSync(
      path.join(folder, "more.jsonl"),
      `${JSON.stringify({ request_id, label: true, observed_at: observed })}\n`,
    );
    const told = await sh("gzip more.jsonl && flyball labels load more.jsonl.gz --model churn --json");
    expect(JSON.parse(told)).toEqual({ rows: 1, accepted: 1, refused: 0, rejected: [] });
    writeFileSync(
      path.join(folder, "bad.csv"),
      `request_id,label,observed_at\n${request_id},1,${observed}\nnobody,1,${observed}\n`,
    );
    const refused = await sh("flyball labels load bad.csv --json || [ $? = 1 ]");
    expect(JSON.parse(refused)).toMatchObject({ rows: 2, accepted: 0, refused: 1, rejected: [{ row: 2 }] });
    // Under the wall's clock the past cannot be lived again, and the refusal says what can.
    await sh(
      "! flyball replay --contract churn@1.0.0 --data march 2>why.txt; grep FLYBALL_CLOCK=replay why.txt",
    );
    await down();
  });

  it("does not start where the version that serves is damaged, and says which file", async () => {
    const file = path.join(home, "registry", "churn", "1.0.0", "model.onnx");
    const bytes = readFileSync(file);
    chmodSync(file, 0o644);
    writeFileSync(
      file,
      bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte)),
    );
    await sh("! flyball up 2>why.txt; grep 'churn@1.0.0 serves, and is damaged.*model.onnx' why.txt");
    expect(readFileSync(path.join(folder, "why.txt"), "utf8").trim().split("\n")).toHaveLength(1);
    expect(existsSync(path.join(home, "run.json"))).toBe(false);
    writeFileSync(file, bytes);
  });
});

it("an interrupt while `up` is starting is heard, told, and leaves nothing running", async () => {
  const second = path.join(folder, "second");
  const child = start(["up"], { FLYBALL_HOME: second });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => void (said += chunk.toString("utf8")));
  // The folder of its Redis is the first thing it makes.
  await expect.poll(() => existsSync(path.join(second, "redis")), { timeout: 60_000 }).toBe(true);
  // Its last words may come after its end.
  const ended = once(child, "close");
  child.kill("SIGINT");
  expect(await ended).toEqual([130, null]);
  expect(said).toMatch(/stopping before it was up.*\nstopped\n$/s);
  expect(existsSync(path.join(second, "run.json"))).toBe(false);
});

it("`up` ends in one line where the Redis it was given does not answer", async () => {
  const child = start(["up"], {
    FLYBALL_HOME: path.join(folder, "third"),
    FLYBALL_REDIS_URL: "redis://127.0.0.1:1",
  });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => void (said += chunk.toString("utf8")));
  expect(await once(child, "close")).toEqual([1, null]);
  expect(said).toMatch(/^Redis at 127\.0\.0\.1:1 does not answer \(.*\): start it, or unset redis\.url.*\n$/);
});

describe("replay", () => {
  const replayed = {
    FLYBALL_CLOCK: "replay",
    FLYBALL_WINDOWS_SIZES: '["24h","7d"]',
    FLYBALL_WINDOWS_ALLOWED_LATENESS: "0s",
  };
  const days = ["--contract", "churn@1.0.0", "--data", "week.csv", "--label-delay", "12h", "--json"].join(
    " ",
  );

  it("tells what is missing, then lives through the data; again it changes nothing", async () => {
    const lines = churn().split("\n");
    writeFileSync(path.join(folder, "week.csv"), `${lines.slice(0, 1 + 300).join("\n")}\n`);
    // A deployment of its own: the first one's clock was the wall's.
    const other = path.join(folder, "replayed");
    mkdirSync(other);
    for (const kept of ["registry", "datasets"]) await sh(`cp -r .flyball/${kept} replayed/`);
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    await sh("mv replayed .flyball");
    await up(replayed);
    await sh(
      `! flyball replay ${days} 2>why.txt; grep "flyball governance promote churn@VERSION" why.txt`,
      replayed,
    );
    await sh(`flyball governance promote churn@1.0.0 --reason "first version"`, replayed);
    const told: unknown = JSON.parse(await sh(`flyball replay ${days}`, replayed));
    expect(told).toMatchObject({
      model: "churn",
      rows: 300,
      answered: 300,
      invalid: 0,
      passed: 0,
      settled_through: "2026-03-04T00:00:00.000Z",
    });
    expect(z.object({ labels: z.number().min(140).max(220) }).safeParse(told).error).toBeUndefined();
    const again: unknown = JSON.parse(await sh(`flyball replay ${days}`, replayed));
    expect(again).toMatchObject({ answered: 0, passed: 300, labels: 0, steps: 0 });
    await down();
  });
});

describe("the keys of docs/security.md", () => {
  it("are made, listed, given a second secret and ended", async () => {
    const [block] = blocksOf("docs/security.md").filter(({ language }) => language === "sh");
    const lines = (block?.text ?? "").trim().split("\n");
    const made = lines.findIndex((line) => line.includes("<id>"));
    await sh(lines.slice(0, made).join("\n"));
    const { keys } = z
      .object({ keys: z.array(z.object({ id: z.string(), name: z.string(), last_used_at: z.null() })) })
      .parse(JSON.parse(await sh("flyball keys ls --json")));
    expect(keys.map(({ name }) => name)).toEqual(["ci", "alice", "eve"]);
    await sh(
      lines
        .slice(made)
        .join("\n")
        .replaceAll("<id>", keys[0]?.id ?? ""),
    );
    expect(await sh("flyball keys ls")).toMatch(/revoked +ci/);
  });
});
