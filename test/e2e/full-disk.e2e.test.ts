// End to end: commands whose disk is full. Each runs in a mount namespace of its own with a small tmpfs as its home: it must say so in one
// line and exit 1, keep nothing half-written, and leave no process behind.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../src/adapters/config.ts";

const root = projectRoot();
const CLI = path.join(root, "dist", "src", "cli.js");
const FULL = /^a disk is full, free space and try again: /;

/** As root, or unprivileged where the kernel lets one be root in a namespace of one's own. */
const NAMESPACE = process.getuid?.() === 0 ? ["-m"] : ["-rm"];
const mayMount = (): boolean =>
  spawnSync("unshare", [...NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;

let asked = 0;

/** Runs a command of ours with its home on a disk of so many KiB, some of them taken; answers what it said and what it left. */
const onDisk = (by: { kib: number; taken: number }, words: readonly string[]) => {
  const script = [
    `mount -t tmpfs -o size=${by.kib}k none /mnt && cd /mnt && mkdir home`,
    `head -c ${by.taken}k /dev/zero > ballast`,
    `"$@"; code=$?`,
    `find home -type f -path '*/datasets/*'`,
    "exit $code",
  ].join("\n");
  const mark = `TEST_DISK=${process.pid}-${asked++}`;
  const [name = "", value = ""] = mark.split("=");
  const ran = spawnSync(
    "unshare",
    [...NAMESPACE, "sh", "-c", script, "sh", process.execPath, CLI, ...words],
    {
      encoding: "utf8",
      timeout: 120_000,
      env: { ...process.env, FLYBALL_HOME: "/mnt/home", FLYBALL_API_PORT: "0", [name]: value },
    },
  );
  const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");
  const files = linesOf(ran.stdout).filter((line) => line.startsWith("home/"));
  return { status: ran.status, said: linesOf(ran.stderr), files, alive: carrying(mark) };
};

/** Processes whose environment holds a mark. */
const carrying = (mark: string): string[] =>
  readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(mark);
      } catch {
        return false; // gone meanwhile
      }
    });

const features = path.join(root, "contracts", "features");
const flights = path.join(root, "node_modules", "vega-datasets", "data", "flights-3m.parquet");
const FREEZE = [
  ...["data", "freeze", `sql:@${path.join(features, "flight-delay.sql")}`, "--as", "january"],
  ...["--contract", path.join(features, "flight-delay@1.0.0.yaml"), "--param", `flights=${flights}`],
  ...["--param", "from=2001-01-01 00:00:00", "--param", "to=2001-02-01 00:00:00"],
];

describe.skipIf(!mayMount())("a full disk", () => {
  it.each([
    ["up", { kib: 2_048, taken: 2_040 }, ["up"]],
    ["data freeze, while rows are staged", { kib: 12_000, taken: 0 }, FREEZE],
    ["data freeze, while the file is made of them", { kib: 22_000, taken: 0 }, FREEZE],
    ["demo", { kib: 20_480, taken: 0 }, ["demo", "--exit", "--days", "1"]],
  ])("stops %s in one line", (_, disk, words) => {
    const { status, said, files, alive } = onDisk(disk, words);
    expect(
      said.filter((line) => FULL.test(line)),
      said.join("\n"),
    ).toHaveLength(1);
    expect(said.at(-1)).toMatch(FULL);
    expect(status).toBe(1);
    expect(files).toEqual([]);
    expect(alive).toEqual([]);
  });
});
