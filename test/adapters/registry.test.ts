import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { BUNDLE_FILES } from "../../contracts/bundle.ts";
import { createRegistry } from "../../src/adapters/registry.ts";
import { bundle, encoding } from "../support/bundle.ts";

const homes: string[] = [];
const newHome = (): string => {
  const home = mkdtempSync(join(tmpdir(), "flyball-registry-"));
  homes.push(home);
  return home;
};
afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
});

test("what is published is what is loaded, byte for byte, and sha256sum agrees", async () => {
  const registry = createRegistry(newHome());
  const path = await registry.publish(bundle("1.0.0"));
  expect(readdirSync(path).sort()).toEqual([...BUNDLE_FILES].sort());
  expect(execFileSync("sha256sum", ["-c", "SHA256SUMS"], { cwd: path, encoding: "utf8" })).not.toContain(
    "FAILED",
  );
  const loaded = await registry.load("m", "1.0.0");
  expect(Buffer.from(loaded.modelBytes).toString()).toBe("onnx 1.0.0");
  expect(loaded.encoding).toEqual(encoding);
  // The files are canonical JSON, whose keys are sorted; the vector's order comes back all the same.
  expect(Object.keys(loaded.preprocessor.contract.definition.features)).toEqual(["z", "a"]);
  expect(Object.keys(loaded.reference.features)).toEqual(["z", "a"]);
  expect(statSync(path).mode & 0o222).toBe(0);
  for (const file of BUNDLE_FILES) expect(statSync(join(path, file)).mode & 0o222).toBe(0);
});

test("a version is published once, and a refused one leaves production's bytes as they were (TC-69)", async () => {
  const registry = createRegistry(newHome());
  const path = await registry.publish(bundle("1.0.0"));
  await expect(registry.publish(bundle("1.0.0", "m", Buffer.from("other")))).rejects.toThrow(
    "published already",
  );
  expect(readFileSync(join(path, "model.onnx"), "utf8")).toBe("onnx 1.0.0");
  const both = await Promise.allSettled([
    registry.publish(bundle("1.1.0")),
    registry.publish(bundle("1.1.0")),
  ]);
  expect(both.map((r) => r.status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(readdirSync(join(path, "..")).sort()).toEqual(["1.0.0", "1.1.0"]);
});

test("TC-65 versions are listed and raised as numbers", async () => {
  const registry = createRegistry(newHome());
  for (const version of ["1.10.0", "1.2.0", "1.9.0"]) await registry.publish(bundle(version));
  await registry.publish(bundle("1.0.0", "another"));
  expect((await registry.list("m")).map((v) => v.version)).toEqual(["1.2.0", "1.9.0", "1.10.0"]);
  expect((await registry.list()).map((v) => v.model)).toEqual(["another", "m", "m", "m"]);
  expect(await registry.nextVersion("m", 1)).toBe("1.11.0");
  expect(await registry.nextVersion("m", 2)).toBe("2.0.0");
  expect(await registry.list("unknown")).toEqual([]);
});

test.each(BUNDLE_FILES.filter((file) => file !== "SHA256SUMS"))(
  "a flipped byte in %s is named and never loaded",
  async (file) => {
    const registry = createRegistry(newHome());
    const path = await registry.publish(bundle("1.0.0"));
    expect((await registry.verify("m", "1.0.0")).ok).toBe(true);
    chmodSync(path, 0o755);
    chmodSync(join(path, file), 0o644);
    const bytes = readFileSync(join(path, file));
    bytes[3] = (bytes[3] ?? 0) ^ 1;
    writeFileSync(join(path, file), bytes);
    const { ok, files } = await registry.verify("m", "1.0.0");
    expect(ok).toBe(false);
    expect(files.filter((f) => !f.ok).map((f) => f.file)).toEqual([file]);
    await expect(registry.load("m", "1.0.0")).rejects.toThrow(file);
  },
);

test.each<[string, (path: string) => void, string]>([
  [
    "a flipped list of digests",
    (p) =>
      writeFileSync(join(p, "SHA256SUMS"), readFileSync(join(p, "SHA256SUMS"), "utf8").replace("  ", " ")),
    "SHA256SUMS",
  ],
  ["a missing file", (p) => rmSync(join(p, "metrics.json")), "is missing"],
  ["a foreign file", (p) => writeFileSync(join(p, "model.bin"), "x"), "does not belong"],
  ["a second link", (p) => linkSync(join(p, "model.onnx"), join(p, "..", "link")), "second link"],
  [
    "a symbolic link to the same bytes",
    (p) => {
      renameSync(join(p, "model.onnx"), join(p, "..", "moved"));
      symlinkSync(join(p, "..", "moved"), join(p, "model.onnx"));
    },
    "symbolic link",
  ],
])("%s is refused", async (_, harm, reason) => {
  const registry = createRegistry(newHome());
  const path = await registry.publish(bundle("1.0.0"));
  chmodSync(path, 0o755);
  chmodSync(join(path, "SHA256SUMS"), 0o644);
  harm(path);
  expect((await registry.verify("m", "1.0.0")).ok).toBe(false);
  await expect(registry.load("m", "1.0.0")).rejects.toThrow(reason);
});

test("a directory that is a link is refused", async () => {
  const home = newHome();
  const registry = createRegistry(home);
  const path = await registry.publish(bundle("1.0.0"));
  symlinkSync(path, join(home, "registry", "m", "1.1.0"));
  await expect(registry.load("m", "1.1.0")).rejects.toThrow("not a plain directory");
  expect((await registry.list("m")).map((v) => v.version)).toEqual(["1.0.0"]);
});

test.each(["../m", "M", ".m", "", "a/b", "a".repeat(64)])("%j is no model name", async (model) => {
  await expect(createRegistry(newHome()).load(model, "1.0.0")).rejects.toThrow("not a model name");
  await expect(createRegistry(newHome()).publish(bundle("1.0.0", model))).rejects.toThrow("not a model name");
});

test("a bundle whose parts speak of different things is not published", async () => {
  const registry = createRegistry(newHome());
  const content = bundle("1.0.0");
  await expect(registry.publish({ ...content, "model.onnx": Buffer.from("swapped") })).rejects.toThrow(
    "another model.onnx",
  );
  await expect(registry.publish({ ...content, "metrics.json": "{}" })).rejects.toThrow("metrics.json");
  await expect(registry.publish({ ...content, "metadata.yaml": "a: &x 1\nb: *x" })).rejects.toThrow(
    "metadata.yaml",
  );
});

test("a crash after any step leaves nothing or the whole version", async () => {
  const steps = ["synced", "renamed", ...BUNDLE_FILES.map((file) => `wrote ${file}`)];
  for (const fatal of steps) {
    const home = newHome();
    const dying = createRegistry(home, (step) => {
      if (step === fatal) throw new Error(`died after ${fatal}`);
    });
    await expect(dying.publish(bundle("1.0.0"))).rejects.toThrow("died");
    const registry = createRegistry(home);
    if (fatal === "renamed") expect((await registry.verify("m", "1.0.0")).ok).toBe(true);
    else {
      expect(await registry.list("m")).toEqual([]);
      await registry.publish(bundle("1.0.0"));
      expect((await registry.verify("m", "1.0.0")).ok).toBe(true);
    }
  }
});
