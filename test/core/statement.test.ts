import { describe, expect, it } from "vitest";
import { readStatement, sqlString } from "../../src/core/statement.ts";

const SET = { max_threads: "1" };
const sqlOf = (sql: string) => {
  const statement = readStatement(sql, SET);
  return "sql" in statement ? statement.sql : statement.kind;
};

describe("settings land in the clause of their statement", () => {
  it.each([
    ["SELECT 1", "SELECT 1 SETTINGS max_threads = '1'"],
    ["SELECT 1;", "SELECT 1 SETTINGS max_threads = '1'"],
    ["SELECT 1 -- FORMAT x", "SELECT 1 SETTINGS max_threads = '1'"],
    ["SELECT 1 FORMAT JSON", "SELECT 1 SETTINGS max_threads = '1'"],
    ["SELECT 'x FORMAT JSON'", "SELECT 'x FORMAT JSON' SETTINGS max_threads = '1'"],
    ["SELECT 1 SETTINGS a=2", "SELECT 1 SETTINGS max_threads = '1', a=2"],
    ["SELECT 1 SETTINGS max_threads=2", "SELECT 1 SETTINGS max_threads=2"],
    [
      "SELECT 1 SETTINGS max_threads=2 UNION ALL SELECT 2 SETTINGS a=1",
      "SELECT 1 SETTINGS max_threads=2 UNION ALL SELECT 2 SETTINGS max_threads = '1', a=1",
    ],
    ["SELECT 1 SETTINGS a=2 FORMAT TSV", "SELECT 1 SETTINGS max_threads = '1', a=2"],
    ["SELECT 1 FORMAT TSV SETTINGS a=2", "SELECT 1 SETTINGS max_threads = '1', a=2"],
    [
      "SELECT 1 SETTINGS a=2 UNION ALL SELECT 2",
      "SELECT 1 SETTINGS a=2 UNION ALL SELECT 2 SETTINGS max_threads = '1'",
    ],
    [
      "SELECT * FROM (SELECT 1 SETTINGS a=2)",
      "SELECT * FROM (SELECT 1 SETTINGS a=2) SETTINGS max_threads = '1'",
    ],
    ["SELECT format FROM t", "SELECT format FROM t SETTINGS max_threads = '1'"],
    ["INSERT INTO t VALUES (';')", "INSERT INTO t SETTINGS max_threads = '1' VALUES (';')"],
    ["INSERT INTO t SETTINGS a=2 VALUES (1)", "INSERT INTO t SETTINGS max_threads = '1', a=2 VALUES (1)"],
    ["INSERT INTO t (a, b) SELECT 1, 2", "INSERT INTO t (a, b) SETTINGS max_threads = '1' SELECT 1, 2"],
    ["INSERT INTO t (SELECT 1)", "INSERT INTO t SETTINGS max_threads = '1' (SELECT 1)"],
    [
      "CREATE TABLE t (a UInt8) ENGINE = Memory SETTINGS x=1",
      "CREATE TABLE t (a UInt8) ENGINE = Memory SETTINGS x=1",
    ],
  ])("%s", (sql, expected) => {
    expect(sqlOf(sql)).toBe(expected);
  });
});

describe("an insert of rows", () => {
  it("ends where its rows begin, and never reads them as SQL", () => {
    const sql = 'INSERT INTO "d".`t` (a, b) SETTINGS x=1, y=\'z\' FORMAT JSONEachRow\n{"a":"; \'"}';
    const statement = readStatement(sql);
    if (statement.kind !== "insert-rows") throw new Error(statement.kind);
    expect(sql.slice(statement.dataAt)).toBe('{"a":"; \'"}');
    expect(statement.format).toBe("JSONEachRow");
    expect(statement.into).toMatchObject({ database: "d", table: "t", columns: ["a", "b"], plain: true });
    expect(statement.into.settings).toEqual({ x: "1", y: "z" });
  });
  it.each([
    ["INSERT INTO FUNCTION file('x') FORMAT CSV\n", false],
    ["INSERT INTO t (* EXCEPT a) FORMAT CSV\n", false],
    ["INSERT INTO {t:Identifier} FORMAT CSV\n", false],
    ["INSERT INTO t FORMAT CSV\n", true],
  ])("says whether its target is plain: %s", (sql, plain) => {
    const statement = readStatement(sql);
    expect(statement.kind === "insert-rows" && statement.into.plain).toBe(plain);
  });
  it("keeps settings it cannot read as text", () => {
    const statement = readStatement("INSERT INTO t SETTINGS x=-1 FORMAT CSV\n");
    expect(statement).toMatchObject({ into: { settings: undefined, settingsText: "x=-1" } });
  });
});

describe("a statement", () => {
  it.each([
    ["", "empty"],
    [" -- nothing", "empty"],
    ["SELECT 1; SELECT 2", "several"],
    ["SELECT ';'", "select"],
    ["(SELECT 1) UNION ALL (SELECT 2)", "select"],
    ["WITH 1 AS x SELECT x", "select"],
    ["SHOW TABLES", "other"],
    ["SET a = 1", "other"],
  ])("%s is %s", (sql, kind) => {
    expect(readStatement(sql).kind).toBe(kind);
  });
  it("tells its placeholders", () => {
    const statement = readStatement("SELECT {a:Array(String)}, '{b:UInt8}' FROM {t:Identifier}");
    expect("placeholders" in statement && [...statement.placeholders]).toEqual([
      ["a", "Array"],
      ["t", "Identifier"],
    ]);
  });
  it("quotes a string so that nothing in it ends it", () => {
    expect(sqlString("a'b\\")).toBe("'a\\'b\\\\'");
  });
});
