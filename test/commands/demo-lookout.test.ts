// What the demo says and does while a day does not settle: quiet at first, one word of a look that was given up, an end when the same
// stage gives up again, and a clean slate once the day has settled.
import { expect, it } from "vitest";
import type { GivenUpLook } from "../../src/adapters/queues.ts";
import { createLookout } from "../../src/commands/demo-lookout.ts";

const world = () => {
  const at = { ms: 0, givenUp: [] as GivenUpLook[], away: false, asked: 0, said: [] as string[] };
  const lookout = createLookout({
    givenUp: () => {
      at.asked++;
      return at.away ? Promise.reject(new Error("no queues")) : Promise.resolve([...at.givenUp]);
    },
    say: (text) => void at.said.push(text),
    log: "logs/workers.log",
    monotonicMs: () => at.ms,
  });
  const later = async (ms: number): Promise<void> => {
    at.ms += ms;
    await lookout.look();
  };
  return { at, lookout, later };
};
const failed = (id: string, stage: GivenUpLook["stage"] = "roll"): GivenUpLook => ({
  id: `${stage} ${id}`,
  stage,
  reason: "no such column: raw",
});

it("asks nobody in the first three seconds of a wait, then once a second", async () => {
  const { at, later } = world();
  await later(2_999);
  expect(at.asked).toBe(0);
  await later(1);
  await later(999);
  expect(at.asked).toBe(1);
  await later(1);
  expect(at.asked).toBe(2);
});

it("says what failed, once, and ends when the stage gives up again", async () => {
  const { at, later } = world();
  at.givenUp = [failed("1")];
  await later(3_000);
  await later(1_000);
  expect(at.said).toEqual([
    "the workers gave up a look of roll: no such column: raw\nit will be tried again",
  ]);
  at.givenUp = [failed("2"), failed("1")];
  await expect(later(1_000)).rejects.toThrow(
    /gave up a look of roll: no such column: raw\nit failed again.*logs\/workers\.log/,
  );
});

it("two stages that give up once each are told and waited for; a settled day forgets", async () => {
  const { at, lookout, later } = world();
  at.givenUp = [failed("1"), failed("1", "execute")];
  await later(3_000);
  expect(at.said).toHaveLength(2);
  lookout.moved();
  at.givenUp = [failed("2"), ...at.givenUp];
  await later(3_000);
  expect(at.said).toHaveLength(3);
});

it("goes on waiting while the queues cannot be asked, and counts nothing twice afterwards", async () => {
  const { at, later } = world();
  at.givenUp = [failed("1")];
  await later(3_000);
  at.away = true;
  await later(1_000);
  at.away = false;
  await later(1_000);
  expect(at.said).toHaveLength(1);
});
