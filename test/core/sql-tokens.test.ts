import { describe, expect, it } from "vitest";
import { splitStatements, sqlTokens } from "../../src/core/sql-tokens.ts";

const texts = (sql: string) => [...sqlTokens(sql)].map(({ text }) => text);

describe("the lexer", () => {
  it.each([
    ["a comment to the line's end", "SELECT 1 -- FORMAT x\n, 2", ["SELECT", "1", ",", "2"]],
    ["a hash comment", "SELECT 1 # FORMAT x", ["SELECT", "1"]],
    ["nested block comments", "SELECT 1 /* a /* b */ , 3 */, 2", ["SELECT", "1", ",", "2"]],
    ["an unclosed comment", "SELECT 1 /* FORMAT", ["SELECT", "1"]],
    ["a doubled quote", "'it''s; FORMAT'", ["it's; FORMAT"]],
    ["an escaped quote", "'it\\'s' x", ["it's", "x"]],
    ["a backslash at the end of a string", "'a\\\\' x", ["a\\", "x"]],
    ["quoted names", '"a""b" `c\\`d`', ['a"b', "c`d"]],
    ["a heredoc", "$a$x'y;$a$ z", ["x'y;", "z"]],
    ["curly quotes", "\u2018a;b\u2019 c", ["a;b", "c"]],
    ["numbers", "1.5e-3+0x1F-2", ["1.5e-3", "+", "0x1F", "-", "2"]],
    ["an unclosed string", "'abc", ["abc"]],
  ])("reads %s", (_, sql, expected) => {
    expect(texts(sql)).toEqual(expected);
  });

  it("reads curly quotes in latin1 text at byte offsets", () => {
    const [first, second] = [...sqlTokens(Buffer.from("\u2018;\u2019 x").toString("latin1"))];
    expect(first?.kind).toBe("string");
    expect(second?.start).toBe(8);
  });

  it("counts depth", () => {
    expect([...sqlTokens("f(a, [b])")].map(({ depth }) => depth)).toEqual([0, 0, 1, 1, 1, 2, 1, 0]);
  });

  it("joined again, the tokens' source is the text without its blanks", () => {
    const sql = "WITH x AS (SELECT 'a;--b' AS `c d`) SELECT {p:UInt8}, $t$ $t$ FROM x /* ; */ WHERE 1e+5 > 2";
    const joined = [...sqlTokens(sql)].map(({ start, end }) => sql.slice(start, end)).join("");
    expect(joined).toBe("WITHxAS(SELECT'a;--b'AS`c d`)SELECT{p:UInt8},$t$ $t$FROMxWHERE1e+5>2");
  });
});

describe("splitting a script", () => {
  it("splits at semicolons outside of strings and comments only", () => {
    const script = "-- one; two\nCREATE TABLE a (b String DEFAULT ';'); /* ; */ ;\nSELECT 1;\n-- end";
    expect(splitStatements(script)).toEqual(["CREATE TABLE a (b String DEFAULT ';')", "SELECT 1"]);
  });
  it("of nothing is nothing", () => {
    expect(splitStatements(" ;; -- x")).toEqual([]);
  });
});
