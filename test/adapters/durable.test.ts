// Writing that failed: what is told is the cause, and of a full disk that it is full; asking the disk never hides what went wrong.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { failedWrite } from "../../src/adapters/durable.ts";

const cause = new Error("the file is torn");
const toldOf = (file: string): Promise<unknown> =>
  failedWrite(file, cause).then(
    () => null,
    (told: unknown) => told,
  );

it("is told as it is where there is room, and where the disk cannot be asked", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "flyball-durable-"));
  expect(await toldOf(path.join(folder, "file"))).toBe(cause);
  rmSync(folder, { recursive: true });
  expect(await toldOf(path.join(folder, "file"))).toBe(cause);
});

// A file system without a single free block, as the kernel has one everywhere on Linux.
it.skipIf(!existsSync("/proc/self"))(
  "is told as a full disk where there is none, with its cause",
  async () => {
    const told = await toldOf("/proc/file");
    expect(told).toMatchObject({ kind: "transient", cause });
    expect(String(told)).toContain("ENOSPC: no space left on device, write /proc/file");
  },
);
