// core/sql-tokens: ClickHouse's lexer, as far as placing a clause needs it. It promises that nothing inside a string,
// a quoted name, a heredoc or a comment is ever taken for SQL; it never judges whether the SQL is valid.
// Positions are indexes into the given string; feed it latin1 text and they are byte offsets.

export type Token = {
  readonly kind: "word" | "name" | "string" | "number" | "symbol";
  /** The source text; for `name` and `string` the unescaped content. */
  readonly text: string;
  /** The word in capitals, the symbol itself, or "" for what can never be a keyword. */
  readonly key: string;
  readonly start: number;
  readonly end: number;
  /** How many brackets are open before this token. */
  readonly depth: number;
};

/** Yields the significant tokens of `sql`, lazily, so that a reader may stop before megabytes of inline rows. */
export function* sqlTokens(sql: string): Generator<Token, void> {
  let at = 0;
  let depth = 0;
  while (at < sql.length) {
    const blank = endOfBlank(sql, at);
    if (blank > at) {
      at = blank;
      continue;
    }
    const { kind, end, text } = read(sql, at);
    const key = kind === "word" ? text.toUpperCase() : kind === "symbol" ? text : "";
    if (CLOSING.has(key)) depth = Math.max(0, depth - 1);
    yield { kind, text, key, start: at, end, depth };
    if (OPENING.has(key)) depth += 1;
    at = end;
  }
}

/** Splits a script into its statements, without their semicolons and without empty ones; a script carries no inline rows. */
export function splitStatements(script: string): string[] {
  const statements: string[] = [];
  let first: number | undefined;
  let last = 0;
  for (const token of sqlTokens(script)) {
    if (token.key === ";") {
      if (first !== undefined) statements.push(script.slice(first, last));
      first = undefined;
      continue;
    }
    first ??= token.start;
    last = token.end;
  }
  if (first !== undefined) statements.push(script.slice(first, last));
  return statements;
}

const OPENING = new Set(["(", "[", "{"]);
const CLOSING = new Set([")", "]", "}"]);
const SPACE = /[\s\u0000\u00a0]/;
const WORD_START = /[A-Za-z_\u0080-\uffff]/;
const WORD_MORE = /[\w$\u0080-\uffff]/;
const DIGIT = /[0-9]/;
// ‘ ’ “ ” as one character, and as the three latin1 characters of their UTF-8 bytes.
const CURLY: readonly (readonly [open: string, close: string, kind: "string" | "name"])[] = [
  ["\u2018", "\u2019", "string"],
  ["\u201c", "\u201d", "name"],
  ["\u00e2\u0080\u0098", "\u00e2\u0080\u0099", "string"],
  ["\u00e2\u0080\u009c", "\u00e2\u0080\u009d", "name"],
];

type Piece = { kind: Token["kind"]; end: number; text: string };

/** The end of the run of spaces and comments at `at`; `at` itself when there is none. */
function endOfBlank(sql: string, at: number): number {
  const char = sql[at] ?? "";
  if (SPACE.test(char)) return at + 1;
  if (sql.startsWith("--", at)) return endOfLine(sql, at);
  if (char === "#" && (sql[at + 1] === " " || sql[at + 1] === "!")) return endOfLine(sql, at);
  if (!sql.startsWith("/*", at)) return at;
  // Block comments nest, as in the engine: an unbalanced one swallows the rest.
  let open = 0;
  for (let i = at; i < sql.length - 1; i += 1) {
    if (sql[i] === "/" && sql[i + 1] === "*") open += 1;
    else if (sql[i] === "*" && sql[i + 1] === "/") open -= 1;
    else continue;
    i += 1;
    if (open === 0) return i + 1;
  }
  return sql.length;
}

function endOfLine(sql: string, at: number): number {
  const newline = sql.indexOf("\n", at);
  return newline < 0 ? sql.length : newline + 1;
}

function read(sql: string, at: number): Piece {
  const char = sql[at] ?? "";
  if (char === "'") return readQuoted(sql, at, "'", "string");
  if (char === '"' || char === "`") return readQuoted(sql, at, char, "name");
  for (const [open, close, kind] of CURLY) {
    if (!sql.startsWith(open, at)) continue;
    const found = sql.indexOf(close, at + open.length);
    if (found >= 0) return { kind, end: found + close.length, text: sql.slice(at + open.length, found) };
  }
  if (char === "$") return readHeredoc(sql, at);
  if (WORD_START.test(char)) return readRun(sql, at, "word", WORD_MORE);
  if (DIGIT.test(char)) return readNumber(sql, at);
  return { kind: "symbol", end: at + 1, text: char };
}

function readQuoted(sql: string, at: number, quote: string, kind: "string" | "name"): Piece {
  let text = "";
  let i = at + 1;
  while (i < sql.length) {
    const char = sql[i] ?? "";
    if (char === "\\") {
      text += unescaped(sql[i + 1] ?? "");
      i += 2;
    } else if (char === quote) {
      if (sql[i + 1] !== quote) return { kind, end: i + 1, text };
      text += quote;
      i += 2;
    } else {
      text += char;
      i += 1;
    }
  }
  return { kind, end: sql.length, text };
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", "0": "\0" };
const unescaped = (char: string): string => ESCAPES[char] ?? char;

/** `$tag$ … $tag$` is one string; a `$` that opens none is an ordinary character of a word. */
function readHeredoc(sql: string, at: number): Piece {
  const second = sql.indexOf("$", at + 1);
  const tag = second < 0 ? "" : sql.slice(at, second + 1);
  if (/^\$\w*\$$/.test(tag)) {
    const close = sql.indexOf(tag, second + 1);
    if (close >= 0) return { kind: "string", end: close + tag.length, text: sql.slice(second + 1, close) };
  }
  return readRun(sql, at, "word", WORD_MORE);
}

function readNumber(sql: string, at: number): Piece {
  let end = at + 1;
  while (end < sql.length) {
    const char = sql[end] ?? "";
    const exponentSign =
      /[eEpP]/.test(sql[end - 1] ?? "") && /[+-]/.test(char) && !/^0[xX]/.test(sql.slice(at, at + 2));
    if (!WORD_MORE.test(char) && char !== "." && !exponentSign) break;
    end += 1;
  }
  return { kind: "number", end, text: sql.slice(at, end) };
}

function readRun(sql: string, at: number, kind: "word", more: RegExp): Piece {
  let end = at + 1;
  while (end < sql.length && more.test(sql[end] ?? "")) end += 1;
  return { kind, end, text: sql.slice(at, end) };
}
