// The encoding of a contract's major on a real registry: frozen with its first version from that version's rows, shared by every version
// after it whatever its rows are, and frozen anew for the next major.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { FrozenDataset } from "../../src/adapters/dataset.ts";
import { createRegistry } from "../../src/adapters/registry.ts";
import { encodingFor } from "../../src/commands/frozen.ts";
import { parseContract } from "../../src/core/contract.ts";
import { bundle, encoding as first } from "../support/bundle.ts";

const home = mkdtempSync(join(tmpdir(), "flyball-encodings-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const contractOf = (version: string) => {
  const parsed = parseContract(
    `name: m\nversion: ${version}\nlabel: {name: y, positive: 1, negative: 0}\nevent_time: null\nfeatures:\n  z: {kind: continuous, min: 0, max: 9}\n  a: {kind: continuous, min: 0, max: 9}\n`,
    "m.yaml",
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return parsed;
};
const LATER: FrozenDataset = {
  manifest: {
    ...{ v: 1, digest: "e".repeat(64), contract: { name: "m", version: "1.1.0", digest: "" } },
    ...{ source: { kind: "csv", digest: "" }, rows: 2, labelled: 2, positives: 1, from: null, to: null },
    ...{ sorted: null, columns: [], dropped: [], file: { sha256: "", bytes: 0 } },
  },
  ...{ rows: 2, eventTimeMs: null, entity: null, label: Uint8Array.of(0, 1) },
  columns: { z: Float64Array.of(7, 8), a: Float64Array.of(0, 9) },
};
const encodingOf = (version: string) => {
  const { contract, digest } = contractOf(version);
  return encodingFor(createRegistry(home), contract, digest, LATER);
};

it("is frozen from the rows at hand where the major has no version yet", async () => {
  const [z] = (await encodingOf("1.0.0")).features;
  expect(z).toMatchObject({ kind: "continuous", low: 7, high: 8 });
});

it("is the first version's for every later one of its major, and another's for the next", async () => {
  const registry = createRegistry(home);
  await registry.publish(bundle("1.0.0"));
  await registry.publish(bundle("1.10.0"));
  expect(await encodingOf("1.1.0")).toEqual(first);
  const second = await encodingOf("2.0.0");
  expect(second).toMatchObject({ contract_major: 2, dataset: LATER.manifest.digest });
  expect(second).not.toEqual(first);
});
