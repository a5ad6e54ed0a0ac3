import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { profileDataset } from "../../src/adapters/dataset-profile.ts";
import { parseContract } from "../../src/core/contract.ts";
import { draftContract } from "../../src/core/infer.ts";

const folder = mkdtempSync(join(tmpdir(), "flyball-infer-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const draftOf = async (name: string, text: string, label = "y") => {
  const path = join(folder, name);
  writeFileSync(path, text);
  const { columns, delimiter } = await profileDataset(path, { label });
  const draft = draftContract({ name: "draft", label, delimiter, columns });
  const parsed = parseContract(draft.yaml, "draft.yaml");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return { contract: parsed.contract, notes: draft.notes.join("\n") };
};

const row = (i: number): string => {
  const y = i % 5 === 0 ? "yes" : "no";
  const town = ["Ulm", "Bonn", "Kiel"][i % 3] ?? "";
  return [
    1000 + i,
    `C-${i * 7}`,
    town,
    (i * 13) % 97 === 0 ? "NA" : ((i * 13) % 97) / 2,
    i % 4,
    y === "yes" ? 90 : 10 + (i % 3),
    "EU",
    `2001-01-${String(1 + (i % 28)).padStart(2, "0")}`,
    y,
  ].join(";");
};
const TABLE = `id;customer;town;spend;day;refund;zone;at;y\n${Array.from({ length: 600 }, (_, i) => row(i)).join("\n")}\n`;

test("a draft is a valid contract: kinds, ranges, vocabularies, times and gaps as the data has them", async () => {
  const { contract } = await draftOf("t.csv", TABLE);
  expect(contract.source).toEqual({ delimiter: ";", null_values: ["", "NA"] });
  expect(contract.label).toEqual({ name: "y", positive: "yes", negative: "no" });
  expect(contract.event_time).toBe("at");
  expect(contract.features).toEqual({
    town: { kind: "nominal", values: ["Bonn", "Kiel", "Ulm"], unseen: "reject" },
    spend: { kind: "continuous", min: 0.5, max: 48, missing: "allow" },
    day: { kind: "ordinal", values: [0, 1, 2, 3] },
  });
});

test("TC-76 identifiers, leaks and constants are proposed as forbidden, with the reason", async () => {
  const { contract, notes } = await draftOf("t.csv", TABLE);
  expect([...contract.forbidden].sort()).toEqual(["customer", "id", "refund", "zone"]);
  expect(notes).toMatch(/id: forbidden, every row has its own whole number/);
  expect(notes).toMatch(/customer: forbidden, nearly every row has its own value/);
  expect(notes).toMatch(/refund: forbidden, it alone tells y almost perfectly \(AUC 1\.000\)/);
  expect(notes).toMatch(/zone: forbidden, it has one value only/);
});

test("a column that is given only where the answer was yes leaks it, however its values vary", async () => {
  const rows = (noise: number): string =>
    Array.from({ length: 400 }, (_, i) => {
      const y = i % 4 === 0 ? 1 : 0;
      return `${(i * 37) % 101},${y === 1 || i % 100 < noise ? (i * 13) % 89 : "NA"},${y}`;
    }).join("\n");
  const sound = await draftOf("gaps.csv", `a,ended,y\n${rows(50)}\n`);
  expect(sound.contract.forbidden).toEqual([]);
  expect(sound.contract.features["ended"]).toMatchObject({ missing: "allow" });
  const leaking = await draftOf("leak.csv", `a,ended,y\n${rows(2)}\n`);
  expect(leaking.contract.forbidden).toEqual(["ended"]);
  expect(leaking.notes).toContain(
    "ended: forbidden, whether it is given tells y almost perfectly (AUC 0.993): it leaks the answer",
  );
});

test("a mistyped label is met with the column it was probably meant to be; nothing is drafted from no rows", async () => {
  await expect(draftOf("t.csv", TABLE, "refnd")).rejects.toThrow(
    "no column is called refnd; did you mean refund?",
  );
  await expect(draftOf("t.csv", TABLE, "outcome")).rejects.toThrow(/no column is called outcome$/);
  for (const [name, text] of [
    ["empty.csv", ""],
    ["header.csv", "a;b;y\n"],
  ] as const)
    await expect(draftOf(name, text)).rejects.toThrow("no rows to draft from");
});

test("JSON lines give the same draft", async () => {
  const [header = "", ...rows] = TABLE.trim().split("\n");
  const names = header.split(";");
  const lines = rows.map((text) => {
    const cells = text
      .split(";")
      .map((c, i): [string, unknown] => [
        names[i] ?? "",
        c === "NA" ? null : /^[\d.]+$/.test(c) ? Number(c) : c,
      ]);
    return JSON.stringify(Object.fromEntries(cells));
  });
  const csv = await draftOf("t.csv", TABLE);
  const jsonl = await draftOf("t.jsonl", lines.join("\n"));
  expect(jsonl.contract.features).toEqual(csv.contract.features);
  expect(jsonl.contract.forbidden).toEqual(csv.contract.forbidden);
});

test("a label needs exactly two values", async () => {
  await expect(draftOf("l.csv", "a,y\n1,0\n2,1\n3,2\n")).rejects.toThrow("exactly two values");
  await expect(draftOf("l.csv", "a,b\n1,0\n")).rejects.toThrow("no column is called y");
});

test("1 is positive where the label is 0 and 1, however rare 0 is", async () => {
  const { contract } = await draftOf("b.csv", `a,y\n${"1.5,1\n2.5,1\n0.5,1\n"}3.5,0\n`);
  expect(contract.label).toEqual({ name: "y", positive: 1, negative: 0 });
});
