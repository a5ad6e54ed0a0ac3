// The house, held to its own rules (DESIGN, STYLE): who may import whom, what the core may touch, who writes which table, who asks
// which query. It reads sources only. Exceptions stand here, each with its reason; an exception nobody needs is a failure too.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { cyclesOf, floorOf, withoutComments } from "./support/house.ts";

const root = path.resolve(import.meta.dirname, "..");
const under = (folder: string, ...suffixes: readonly string[]): string[] =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => suffixes.some((suffix) => file.endsWith(suffix)))
    .map((file) => path.posix.join(folder, file.split(path.sep).join("/")))
    .sort();

const HOUSE = ["contracts", "src", "workers"].flatMap((folder) => under(folder, ".ts", ".tsx"));
const BESIDE = ["bench", "test"].flatMap((folder) => under(folder, ".ts"));
const text = new Map(
  [...HOUSE, ...BESIDE].map((file) => [file, readFileSync(path.join(root, file), "utf8")]),
);
const code = new Map([...text].map(([file, source]) => [file, withoutComments(source)]));
const sourceOf = (file: string): string => code.get(file) ?? "";

/** What a file imports, types included: house files by their path, packages by their name. */
const importsOf = (file: string): string[] =>
  ts
    .preProcessFile(text.get(file) ?? "", true, true)
    .importedFiles.map(({ fileName }) =>
      fileName.startsWith(".") ? path.posix.join(path.posix.dirname(file), fileName) : fileName,
    );
const imports = new Map(HOUSE.map((file) => [file, importsOf(file)]));
const edges = HOUSE.flatMap((file) => (imports.get(file) ?? []).map((to) => ({ file, to })));
const inHouse = edges.filter(({ to }) => text.has(to));

/** Violations less the excepted ones; an exception that excepts nothing is reported as well. */
const judged = (found: readonly string[], excepted: Readonly<Record<string, string>> = {}): string[] => [
  ...found.filter((violation) => excepted[violation] === undefined),
  ...Object.keys(excepted)
    .filter((violation) => !found.includes(violation))
    .map((violation) => `${violation}: excepted in vain`),
];

const word = ({ file, to }: { file: string; to: string }): string => `${file} -> ${to}`;

describe("floors", () => {
  it("every import is a file of the house, a built-in or a declared dependency", () => {
    const manifest: unknown = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
    const declared = JSON.stringify(manifest);
    const strange = edges.filter(
      ({ to }) =>
        !text.has(to) &&
        !to.startsWith("node:") &&
        !declared.includes(`"${to.split("/", to.startsWith("@") ? 2 : 1).join("/")}":`),
    );
    expect(judged(strange.map(word))).toEqual([]);
  });

  it("nobody looks up the stairs", () => {
    expect(judged(inHouse.filter(({ file, to }) => floorOf(to) > floorOf(file)).map(word))).toEqual([]);
  });

  it("no stage imports an adapter", () => {
    const reaching = inHouse.filter(
      ({ file, to }) => floorOf(file) === floorOf("src/stages/x.ts") && to.startsWith("src/adapters/"),
    );
    expect(judged(reaching.map(word))).toEqual([]);
  });

  it("only doors in src know the workers, and nobody in the house knows bench or test", () => {
    const door = floorOf("src/cli.ts");
    const wrong = inHouse.filter(
      ({ file, to }) =>
        /^(bench|test)\//.test(to) ||
        (file.startsWith("src/") && to.startsWith("workers/") && floorOf(file) !== door),
    );
    expect(judged(wrong.map(word))).toEqual([]);
  });

  it("the page and the house do not know each other, but for words and core", () => {
    const isPage = (file: string): boolean => file.startsWith("src/web/");
    const wrong = inHouse.filter(
      ({ file, to }) => isPage(file) !== isPage(to) && (isPage(to) || floorOf(to) > floorOf("src/core/x.ts")),
    );
    expect(judged(wrong.map(word))).toEqual([]);
  });

  it("no cycle", () => {
    expect(
      cyclesOf(new Map(HOUSE.map((file) => [file, (imports.get(file) ?? []).filter((to) => text.has(to))]))),
    ).toEqual([]);
  });
});

describe("the core and the words are pure", () => {
  const pure = HOUSE.filter((file) => floorOf(file) <= floorOf("src/core/x.ts"));
  /** Deterministic libraries without a neighbour. */
  const LIBRARIES = /^(zod|yaml|@noble\/hashes\/.+|@marcbachmann\/cel-js)$/;
  const FORBIDDEN = [
    /\bDate\.now\b/,
    /\bnew Date\(\s*\)/,
    /\bMath\.random\b/,
    /\bperformance\.now\b/,
    /(?<![.\w"'-])process\./,
    /\bconsole\./,
    /\bfetch\(/,
    /\bset(Timeout|Interval|Immediate)\(/,
    /\b(await|async)\s/,
    /\bcrypto\.(randomUUID|getRandomValues)\b/,
  ];

  it("no client library", () => {
    const wrong = edges.filter(({ file, to }) => pure.includes(file) && !text.has(to) && !LIBRARIES.test(to));
    expect(judged(wrong.map(word))).toEqual([]);
  });

  it("no clock, dice, log, network or waiting", () => {
    const wrong = pure.flatMap((file) =>
      FORBIDDEN.filter((pattern) => pattern.test(sourceOf(file))).map(
        (pattern) => `${file}: ${pattern.source}`,
      ),
    );
    expect(judged(wrong)).toEqual([]);
  });
});

describe("tables have one writing stage", () => {
  /** table: the adapter that inserts, the port call that makes it do so, the only stage that makes that call. */
  const WRITERS: Readonly<Record<string, { store: string; call: RegExp; stage: string }>> = {
    predictions: { store: "fact-sink", call: /\bfacts\.insert\(/, stage: "workers/record.ts" },
    labels: { store: "fact-sink", call: /\bfacts\.insert\(/, stage: "workers/record.ts" },
    dead_letters: { store: "fact-sink", call: /\bletters\.park\(/, stage: "workers/record.ts" },
    encodings: { store: "snapshot-writer", call: /\bkeepReference\(/, stage: "workers/roll.ts" },
    snapshots: { store: "snapshot-writer", call: /\bsnapshots\.keep\(/, stage: "workers/roll.ts" },
    feature_histograms: { store: "snapshot-writer", call: /\bsnapshots\.keep\(/, stage: "workers/roll.ts" },
    score_histograms: { store: "snapshot-writer", call: /\bsnapshots\.keep\(/, stage: "workers/roll.ts" },
    drift: { store: "measure-store", call: /\bkeepDrift\(/, stage: "workers/measure.ts" },
    performance_snapshots: {
      store: "measure-store",
      call: /\bkeepPerformance\(/,
      stage: "workers/measure.ts",
    },
    shadow_snapshots: { store: "measure-store", call: /\bkeepPairs\(/, stage: "workers/measure.ts" },
    trust_scores: { store: "measure-store", call: /\bkeepTrust\(/, stage: "workers/measure.ts" },
    decisions: { store: "decision-store", call: /\bdecisions\.keep\(/, stage: "workers/decide.ts" },
    governance_log: { store: "ledger-copy", call: /\bledger\.seal\(/, stage: "workers/execute.ts" },
    alerts: { store: "decision-store", call: /\balerts\.keep\(/, stage: "workers/notify.ts" },
  };

  it("and every table of the migrations is in this list", () => {
    const created = under("clickhouse/migrations", ".sql").flatMap((file) =>
      [
        ...readFileSync(path.join(root, file), "utf8").matchAll(
          /CREATE TABLE (?:IF NOT EXISTS )?(?:flyball\.)?(\w+)/g,
        ),
      ].map(([, table]) => table),
    );
    expect(Object.keys(WRITERS).sort()).toEqual(created.sort());
  });

  it.each(Object.entries(WRITERS))("%s", (table, { store, call, stage }) => {
    const inserting = new RegExp(`\\binsert\\(\\s*"${table}"|\\btable: "${table}"`);
    const stores = HOUSE.filter((file) => inserting.test(sourceOf(file)));
    expect(stores).toEqual([`src/adapters/${store}.ts`]);
    const stages = HOUSE.filter(
      (file) => floorOf(file) > floorOf("src/adapters/x.ts") && call.test(sourceOf(file)),
    );
    expect(stages).toEqual([stage]);
  });
});

describe("SQL has a name, a header and a home", () => {
  const queries = under("clickhouse/queries", ".sql");

  it.each(queries)("%s", (file) => {
    const name = path.posix.basename(file, ".sql");
    const head = readFileSync(path.join(root, file), "utf8");
    const callers = HOUSE.filter((source) => sourceOf(source).includes(`"${name}"`));
    expect(callers).toHaveLength(1);
    expect(head.startsWith(`-- ${name}: `)).toBe(true);
    expect(head).toContain("\n-- params: ");
    expect(/\n-- caller: (\S+)/.exec(head)?.[1]).toBe(callers[0]);
  });

  it("no SELECT in TypeScript", () => {
    const excepted = {
      "src/adapters/chdb.ts": "asks the engine for the settings it pinned",
      "src/adapters/migrations.ts": "keeps its ledger before any query file may be used",
      "src/adapters/dataset-engine.ts": "makes statements of a contract's columns over a user's file",
      "src/http/clickhouse-plan.ts": "says in an error which statement is not offered",
    };
    const statement = /["'`][^"'`]*\bSELECT\s[^"'`]*\bFROM\b/;
    expect(
      judged(
        HOUSE.filter((file) => statement.test(sourceOf(file))),
        excepted,
      ),
    ).toEqual([]);
  });
});

describe("how a file reads", () => {
  const all = [...HOUSE, ...BESIDE];

  it("at most 400 lines", () => {
    const long = all.map((file) => ({ file, lines: (text.get(file) ?? "").trimEnd().split("\n").length }));
    expect(long.filter(({ lines }) => lines > 400)).toEqual([]);
  });

  it("begins by saying what it is", () => {
    const ours = all.filter((file) => !file.startsWith("test/"));
    expect(ours.filter((file) => !/^(#!.*\n)?\/\/ \S/.test(text.get(file) ?? ""))).toEqual([]);
  });

  it("leaves nothing for later", () => {
    const marker = new RegExp(["TO", "DO|FIX", "ME|XX", "X\\b"].join(""));
    expect(all.filter((file) => marker.test(text.get(file) ?? ""))).toEqual([]);
  });

  it("no any, no non-null assertion by comment, no switched-off rule", () => {
    const off = /eslint-disable|@ts-(ignore|expect-error|nocheck)/;
    expect(
      all.filter((file) => file !== "test/architecture.test.ts" && off.test(text.get(file) ?? "")),
    ).toEqual([]);
  });
});
