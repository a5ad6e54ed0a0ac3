// The support itself: what is written with an acknowledgement survives SIGKILL, and nothing is left behind.
import { existsSync } from "node:fs";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { startRedis } from "./redis.ts";

test("an acknowledged write survives SIGKILL and restart; stop leaves nothing", async () => {
  const server = await startRedis();
  const client = new Redis(server.url);
  client.on("error", () => undefined); // the cut connection is the point of this test
  await client.set("kept", "1");
  await server.kill();
  await server.restart();
  expect(await client.get("kept")).toBe("1");
  client.disconnect();
  await server.stop();
  expect(existsSync(server.dir)).toBe(false);
});
