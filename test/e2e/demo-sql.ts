// End to end, on the demo that demo.e2e.test.ts starts: the views and the questions of docs/sql.md on what a real replay left behind.
// SQL's PSI and KS are the core's, to the last digits.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../src/adapters/config.ts";
import type { DemoStack } from "../support/demo.ts";
import { blocksOf } from "../support/documents.ts";

const questions = [
  ...readFileSync(path.join(projectRoot(), "docs", "sql.md"), "utf8").matchAll(
    /^### (\d+\. .+?)$[\s\S]*?```sql\n([\s\S]*?)```/gm,
  ),
].map(([, title = "", sql = ""]) => ({ title, sql }));

/** Asks a demo that has settled. */
export const asksSql = (demo: () => DemoStack): void => {
  const ask = async (sql: string): Promise<Record<string, unknown>[]> => {
    const answer = await fetch(
      `${demo().clickhouse}/?database=flyball&output_format_json_quote_64bit_integers=0`,
      {
        method: "POST",
        body: `${sql}\nFORMAT JSONEachRow`,
      },
    );
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${text}\n${sql}`);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  describe("the questions of docs/sql.md", () => {
    it("are ten", () => expect(questions).toHaveLength(10));
    it.each(questions)("answer: $title", async ({ sql }) => {
      expect((await ask(sql)).length).toBeGreaterThan(0);
    });
  });

  it("answers the first line of docs/sql.md as it stands", () => {
    const [block] = blocksOf("docs/sql.md").filter(({ language }) => language === "sh");
    const env = { ...process.env, CLICKHOUSE: demo().clickhouse };
    expect(execFileSync("bash", ["-euc", block?.text ?? "false"], { env, encoding: "utf8" })).toContain(
      "flight-delay",
    );
  });

  describe("v_psi", () => {
    it.each([
      ["psi_10", "psi"],
      ["ks_d", "ks_d"],
    ])("equals the core's %s for every feature and window", async (statistic, column) => {
      const [row] = await ask(
        `SELECT count() AS n, max(abs(p.${column} - d.value)) AS apart, countIf(p.${column} IS NULL) AS unknown
       FROM v_psi AS p
       INNER JOIN
       (
           SELECT * FROM drift WHERE subject = 'feature' AND statistic = '${statistic}'
           ORDER BY model, version, window_size, window_start, feature, revision DESC
           LIMIT 1 BY model, version, window_size, window_start, feature
       ) AS d
       ON p.model = d.model AND p.version = d.version AND p.window_size = d.window_size
          AND p.window_start = d.window_start AND p.feature = d.feature
       WHERE d.value IS NOT NULL`,
      );
      expect(Number(row?.["n"])).toBeGreaterThan(25);
      expect(row?.["unknown"]).toBe(0);
      expect(Number(row?.["apart"])).toBeLessThan(1e-12);
    });
  });

  describe("v_predictions", () => {
    it("has every event once", async () => {
      const [row] = await ask(
        `SELECT count() AS n, uniqExact(event_id) AS events, (SELECT uniqExact(event_id) FROM predictions) AS facts FROM v_predictions`,
      );
      expect(row?.["n"]).toBe(row?.["events"]);
      expect(row?.["n"]).toBe(row?.["facts"]);
    });
    it("decodes every code of an accepted row, and no number finer than its bin", async () => {
      const [row] = await ask(
        `SELECT countIf(has(mapValues(features), '')) AS blank, countIf(NOT match(features['distance'], '^(below|above|missing|.* to .*)$')) AS raw
       FROM v_predictions WHERE status = 'ok'`,
      );
      expect(row).toEqual({ blank: 0, raw: 0 });
    });
  });

  describe("v_shadow_pairs", () => {
    it("sums to what the paired snapshots counted", async () => {
      const [row] = await ask(
        `WITH
           (SELECT max(window_start) + INTERVAL 1 DAY FROM shadow_snapshots WHERE window_size = '24h') AS through,
           counted AS
           (
               SELECT pairs FROM shadow_snapshots WHERE window_size = '24h' AND scope = 'all'
               ORDER BY window_start, version, production_version, matured_at DESC
               LIMIT 1 BY window_start, version, production_version
           )
       SELECT (SELECT count() FROM v_shadow_pairs WHERE event_time < through) AS pairs, (SELECT sum(pairs) FROM counted) AS counted`,
      );
      expect(Number(row?.["counted"])).toBeGreaterThan(1000);
      expect(row?.["pairs"]).toBe(row?.["counted"]);
    });
  });

  describe("v_decisions and v_model_health", () => {
    it("tell every decision once, gates readable", async () => {
      const [row] = await ask(
        `SELECT count() AS n, (SELECT uniqExact(id) FROM decisions) AS decisions, countIf(notEmpty(gates)) AS judged FROM v_decisions`,
      );
      expect(row?.["n"]).toBe(row?.["decisions"]);
      expect(Number(row?.["judged"])).toBeGreaterThan(0);
    });
    it("tell one row a model and window size", async () => {
      const rows = await ask(`SELECT model, window_size, volume FROM v_model_health`);
      expect(new Set(rows.map((row) => `${String(row["model"])}/${String(row["window_size"])}`)).size).toBe(
        rows.length,
      );
      expect(rows.every((row) => Number(row["volume"]) > 0)).toBe(true);
    });
  });
};
