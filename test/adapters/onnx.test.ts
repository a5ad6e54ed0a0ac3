// Scoring sessions on the real runtime: long runs take turns, short ones do not wait for them, and a run that fails stops no other.
import { beforeAll, expect, it } from "vitest";
import type { ScoringSession } from "../../src/ports-serving.ts";
import { trainFlights } from "../support/api.ts";

const WIDTH = 5;
let session: ScoringSession;
beforeAll(async () => {
  ({ session } = (await trainFlights()).model);
});

const vectorOf = (n: number): Float32Array =>
  Float32Array.from({ length: n * WIDTH }, (_, at) => (at * 7919) % 60);

it("ends long runs in the order they came, and a short one before them", async () => {
  const ended: string[] = [];
  const run = async (name: string, n: number): Promise<ArrayLike<number>> => {
    const scores = await session.run(vectorOf(n), n);
    ended.push(name);
    return scores;
  };
  const [first, second, short] = await Promise.all([
    run("first", 1_500),
    run("second", 400),
    run("short", 3),
  ]);
  expect(ended).toEqual(["short", "first", "second"]);
  expect([...Array.from(second)]).toEqual([...Array.from(first).slice(0, 400)]);
  expect([...Array.from(short)]).toEqual([...Array.from(first).slice(0, 3)]);
});

it("goes on after a long run that failed", async () => {
  const broken = session.run(new Float32Array(7), 1_000);
  const sound = session.run(vectorOf(300), 300);
  await expect(broken).rejects.toThrow();
  expect(await sound).toHaveLength(300);
});
