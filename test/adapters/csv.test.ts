import { expect, test } from "vitest";
import { createCsvReader } from "../../src/adapters/csv.ts";

/** Reads a text cut into chunks of every size, which must never matter. */
const read = (text: string | Buffer, chunkBytes: number, delimiter = ",") => {
  const bytes = Buffer.from(text);
  const rows: string[][] = [];
  const problems: string[] = [];
  const csv = createCsvReader({
    delimiter,
    onRow: ({ bytes: b, starts, ends, cells }) =>
      rows.push(Array.from({ length: cells }, (_, i) => b.toString("utf8", starts[i], ends[i]))),
    onProblem: (problem, number) => problems.push(`${number} ${problem}`),
  });
  for (let at = 0; at < bytes.length; at += chunkBytes)
    csv.push(Buffer.from(bytes.subarray(at, at + chunkBytes)));
  csv.end();
  return { rows, problems };
};

test.each<[string, string, string[][]]>([
  [
    "plain rows",
    "a,b\n1,2\n",
    [
      ["a", "b"],
      ["1", "2"],
    ],
  ],
  [
    "no line end at the end",
    "a,b\n1,2",
    [
      ["a", "b"],
      ["1", "2"],
    ],
  ],
  [
    "CRLF",
    "a,b\r\n1,2\r\n",
    [
      ["a", "b"],
      ["1", "2"],
    ],
  ],
  ["a UTF-8 mark", "\ufeffa,b\n", [["a", "b"]]],
  [
    "empty cells",
    ",a,\n,,\n",
    [
      ["", "a", ""],
      ["", "", ""],
    ],
  ],
  ["a comma at the very end", "a,", [["a", ""]]],
  [
    "quotes, doubled quotes, line ends inside",
    '"a,b","c""d","e\nf"\r\n"",x\n',
    [
      ["a,b", 'c"d', "e\nf"],
      ["", "x"],
    ],
  ],
  ["quoted at the end of the file", 'a,"b"', [["a", "b"]]],
  ["white space is kept", " a , b \n", [[" a ", " b "]]],
  ["a quote inside a bare cell is itself", 'a"b,c\n', [['a"b', "c"]]],
  ["a carriage return inside a cell is itself", "a\rb,c\n", [["a\rb", "c"]]],
  ["an empty line is a row of one empty cell", "a\n\nb\n", [["a"], [""], ["b"]]],
  ["letters of several bytes", "é,日本\n", [["é", "日本"]]],
  ["nothing", "", []],
])("%s", (_, text, rows) => {
  for (const size of [1, 2, 3, 5, 1000]) expect(read(text, size)).toEqual({ rows, problems: [] });
});

test("another delimiter", () => {
  expect(read('"a";b;1,5\n', 2, ";").rows).toEqual([["a", "b", "1,5"]]);
});

test("text after a closing quote and an open quote are reported by row, and the rest is still read", () => {
  for (const size of [1, 4, 1000]) {
    expect(read('a\n"b"x,y\nc\n', size)).toEqual({ rows: [["a"], ["c"]], problems: ["2 quote"] });
    expect(read('a\n"b\nc', size)).toEqual({ rows: [["a"]], problems: ["2 quote"] });
    expect(read('a\n"b"\rx\nc\n', size)).toEqual({ rows: [["a"], ["c"]], problems: ["2 quote"] });
  }
});

test("rows wider than the reader began with", () => {
  const cells = Array.from({ length: 500 }, (_, i) => String(i));
  expect(read(cells.join(","), 64).rows).toEqual([cells]);
});

test("a quote left open cannot eat the memory", () => {
  expect(() =>
    read(
      Buffer.alloc(18 * 1024 * 1024, 'a"')
        .fill('"', 0, 1)
        .fill("a", 1),
      1 << 20,
    ),
  ).toThrow("quote left open");
});
