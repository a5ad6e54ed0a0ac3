// The replay command on a real store: decisions of both versions of the rules, more than a page a model, come out byte for byte; one
// altered byte is found, named, and ends the command with 1.
import { afterAll, beforeAll, expect, test } from "vitest";
import { keepHistory, replayByCommand } from "../../bench/decisions.ts";
import { startStack, type TestStack } from "../support/stack.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

test("a history across a bump of the rules is made again by `decisions replay --all`", async () => {
  expect(await keepHistory(stack.clickhouse, 600)).toBe(600);
  const rules = await stack.sql("SELECT DISTINCT rules_version AS v FROM decisions ORDER BY v");
  expect(rules.map((row) => row["v"])).toEqual([1, 2]);
  const told = await replayByCommand(stack);
  expect(told).toMatchObject({ decisions: 600, identical: true });
  const [victim] = await stack.sql("SELECT id FROM decisions ORDER BY id LIMIT 1");
  await stack.sql(
    `ALTER TABLE decisions UPDATE decision = replaceOne(decision, '"action":"', '"action": "') WHERE id = '${String(victim?.["id"])}' SETTINGS mutations_sync = 1`,
  );
  await expect(replayByCommand(stack)).rejects.toThrow(/exit 1.*\n*.*1 of 600 decisions/s);
});
