// A trainer made elsewhere, as a real process: what it is told, what it may not know, and that it is gone, with all it started, however
// it ends.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { runTrainer } from "../../src/adapters/trainer-process.ts";

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "flyball-trainer-"));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const run = (
  folder: string,
  command: readonly string[],
  over: { timeMs?: number; signal?: AbortSignal; onOutput?: (text: string) => void } = {},
) =>
  runTrainer({
    command,
    files: { data: join(folder, "d"), contract: join(folder, "c"), output: join(folder, "model.onnx") },
    seed: 7,
    timeMs: 20_000,
    signal: new AbortController().signal,
    ...over,
  });
const sh = (script: string): string[] => ["sh", "-c", script];

it("is told where things are, by placeholder and by name, and knows no secret of ours", async () => {
  const folder = newFolder();
  process.env["FLYBALL_BOOTSTRAP_KEY"] = "planted-secret";
  process.env["AWS_SECRET_ACCESS_KEY"] = "planted-secret";
  try {
    const script = 'printf "%s|%s|%s" "$1" "$FLYBALL_TRAIN_DATA" "$FLYBALL_TRAIN_SEED" > "$2"; env >> "$2"';
    const model = await run(folder, ["sh", "-c", script, "trainer", "--data={data}", "{output}"]);
    if ("refused" in model) throw new Error(model.detail);
    const said = Buffer.from(model).toString();
    expect(said.split("FLYBALL")[0]).toContain(`--data=${join(folder, "d")}|${join(folder, "d")}|7`);
    expect(said).not.toContain("planted-secret");
  } finally {
    delete process.env["FLYBALL_BOOTSTRAP_KEY"];
    delete process.env["AWS_SECRET_ACCESS_KEY"];
  }
});

it.each<[string, string, string, RegExp]>([
  ["fails", "echo the reason >&2; exit 3", "trainer_failed", /ended with 3: the reason/],
  ["is no program", "exec /no/such/program", "trainer_failed", /127|126/],
  ["dies", "kill -9 $$", "trainer_failed", /137|SIGKILL/],
  ["writes nothing", "true", "no_model", /wrote no model/],
  ["writes a directory", 'mkdir "$FLYBALL_TRAIN_OUTPUT"', "no_model", /not a file/],
])("one that %s is refused with the reason", async (_, script, refused, detail) => {
  const answer = await run(newFolder(), sh(script));
  expect(answer).toMatchObject({ refused, detail: expect.stringMatching(detail) as unknown });
});

it("what it prints is passed on, and a megabyte of it is not kept", async () => {
  let heard = 0;
  const answer = await run(newFolder(), sh("head -c 1000000 /dev/zero | tr '\\0' x; exit 1"), {
    onOutput: (text) => (heard += text.length),
  });
  if (!("refused" in answer)) throw new Error("expected a refusal");
  expect(heard).toBe(1_000_000);
  expect(answer.detail.length).toBeLessThan(2_200);
});

/** Its process and a child that ignores every polite signal both note their ids. */
const stubborn = (folder: string): string[] =>
  sh(
    `trap '' TERM INT HUP; echo $$ > ${folder}/a; (trap '' TERM; echo $! ; sleep 60) & echo $! > ${folder}/b; wait`,
  );
const idsIn = async (folder: string): Promise<number[]> => {
  while (!existsSync(join(folder, "b")) || readFileSync(join(folder, "b"), "utf8") === "") await pause(10);
  return ["a", "b"].map((file) => Number(readFileSync(join(folder, file), "utf8")));
};
const gone = async (ids: readonly number[]): Promise<void> => {
  for (const id of ids)
    for (let lives = true; lives; await pause(5))
      try {
        process.kill(id, 0);
        // A zombie nobody waits for is gone, too.
        lives = existsSync(`/proc/${id}/stat`) && !readFileSync(`/proc/${id}/stat`, "utf8").includes(") Z ");
      } catch {
        lives = false;
      }
};

it("one that takes too long is ended with all it started", async () => {
  const folder = newFolder();
  const [answer, ids] = await Promise.all([run(folder, stubborn(folder), { timeMs: 500 }), idsIn(folder)]);
  expect(answer).toMatchObject({ refused: "trainer_too_slow", detail: "no model within 0.5 s" });
  await gone(ids);
});

it("an abort ends it at once, and one that comes before keeps it from starting", async () => {
  const folder = newFolder();
  const stop = new AbortController();
  const running = run(folder, stubborn(folder), { signal: stop.signal });
  const ids = await idsIn(folder);
  stop.abort();
  expect(await running).toMatchObject({ refused: "trainer_stopped" });
  await gone(ids);
  expect(await run(folder, sh(`touch ${folder}/began`), { signal: stop.signal })).toMatchObject({
    refused: "trainer_stopped",
  });
  expect(existsSync(join(folder, "began"))).toBe(false);
});

it("what it leaves running does not outlive it", async () => {
  const folder = newFolder();
  writeFileSync(join(folder, "onnx"), "model");
  const script = `sleep 60 & echo $! > ${folder}/b; cp $$ /dev/null 2>/dev/null; echo $$ > ${folder}/a; cp ${folder}/onnx "$FLYBALL_TRAIN_OUTPUT"`;
  const model = await run(folder, sh(script));
  if ("refused" in model) throw new Error(model.detail);
  expect(Buffer.from(model).toString()).toBe("model");
  await gone(await idsIn(folder));
});
