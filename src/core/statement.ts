// core/statement: what one SQL statement is, and the same statement with settings added to it. It promises that the
// settings land in the clause that belongs to this statement alone; it never evaluates SQL and never guesses inside strings.
import { sqlTokens } from "./sql-tokens.ts";
import type { Token } from "./sql-tokens.ts";

export type Settings = Readonly<Record<string, string>>;

type Common = {
  /** `{name:Type}` placeholders, by name; a value must be given for each. */
  readonly placeholders: ReadonlyMap<string, string>;
  readonly tokens: readonly Token[];
};

export type Statement =
  | { readonly kind: "empty" }
  | { readonly kind: "several" }
  /** A query whose settings go into its own clause; `format` is what its FORMAT clause asked for. */
  | ({ readonly kind: "select"; readonly format: string | undefined; readonly sql: string } & Common)
  /** An INSERT whose rows follow it in another format than SQL; `dataAt` is where they start. */
  | ({
      readonly kind: "insert-rows";
      readonly format: string;
      readonly dataAt: number;
      readonly into: Into;
    } & Common)
  /** An INSERT ... VALUES or INSERT ... SELECT, whole in its text. */
  | ({
      readonly kind: "insert-sql";
      readonly source: "values" | "query";
      readonly into: Into;
      readonly sql: string;
    } & Common)
  /** SHOW, DESCRIBE, CREATE, ALTER, SET and the rest: their settings cannot be written into them. */
  | ({
      readonly kind: "other";
      readonly verb: string;
      readonly format: string | undefined;
      readonly sql: string;
    } & Common);

export type Into = {
  /** `db.table`, unquoted, for the writers' queue; the database may be missing. */
  readonly database: string | undefined;
  readonly table: string;
  /** The column list when it is a plain list of names. */
  readonly columns: readonly string[] | undefined;
  /** False when the target is more than plain names (a table function, a placeholder, an EXCEPT list). */
  readonly plain: boolean;
  /** The statement up to and with the target and its columns. */
  readonly head: string;
  /** The statement's own settings when all are plain literals, else undefined and only the text tells. */
  readonly settings: Settings | undefined;
  readonly settingsText: string;
};

/** Reads the one statement in `sql` with `settings` written into it where its kind allows. */
export function readStatement(sql: string, settings: Settings = {}): Statement {
  const tokens: Token[] = [];
  for (const token of sqlTokens(sql)) {
    tokens.push(token);
    if (startsRows(tokens)) return readInsert(sql, tokens, settings);
  }
  while (tokens.at(-1)?.key === ";") tokens.pop();
  if (tokens.length === 0) return { kind: "empty" };
  if (tokens.some((token) => token.key === ";" && token.depth === 0)) return { kind: "several" };
  const verb = tokens.find((token) => token.key !== "(")?.key ?? "";
  if (verb === "INSERT") return readInsert(sql, tokens, settings);
  const { format, kept } = withoutFormat(tokens);
  const text = textOf(sql, tokens, kept);
  const common = { placeholders: placeholdersOf(tokens), tokens };
  const inserts = tokens.some(
    (token, i) => token.key === "INSERT" && tokens[i + 1]?.key === "INTO" && token.depth === 0,
  );
  if ((verb === "SELECT" || verb === "WITH" || verb === "FROM") && !inserts) {
    return { kind: "select", format, sql: withSettings(text, settings), ...common };
  }
  return { kind: "other", verb: inserts ? "INSERT" : verb, format, sql: text, ...common };
}

/** `k = 'v', …` for a SETTINGS clause or a SET; names are checked by the caller's parser of requests. */
export function settingsList(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${READ_AS_NUMBER.test(`${name} ${value}`) ? value : sqlString(value)}`)
    .join(", ");
}

/** The planner reads these two as numbers from the statement's text and fails on a string; Grafana's row limit is one. */
const READ_AS_NUMBER = /^(?:limit|offset) \d+$/;

/** A string as a SQL literal. */
export const sqlString = (value: string): string => `'${value.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}'`;

const SET_OPERATORS = new Set(["UNION", "EXCEPT", "INTERSECT"]);

/** An INSERT's rows begin after `FORMAT name` or `VALUES`; what follows them is not SQL and must not be read as such. */
function startsRows(tokens: readonly Token[]): boolean {
  const last = tokens.at(-1);
  if (tokens[0]?.key !== "INSERT" || last === undefined || last.depth !== 0) return false;
  if (tokens.some((token) => token.depth === 0 && (token.key === "SELECT" || token.key === "WITH")))
    return false;
  if (last.key === "VALUES") return tokens.length > 2;
  return (
    tokens.at(-2)?.key === "FORMAT" && tokens.length > 3 && (last.kind === "word" || last.kind === "name")
  );
}

function withoutFormat(tokens: readonly Token[]): { format: string | undefined; kept: readonly Token[] } {
  for (let i = tokens.length - 2; i > 0; i -= 1) {
    const word = tokens[i];
    const name = tokens[i + 1];
    if (word?.key !== "FORMAT" || word.depth !== 0 || (name?.kind !== "word" && name?.kind !== "name"))
      continue;
    const next = tokens[i + 2];
    if (next !== undefined && next.key !== "SETTINGS") continue;
    return { format: name.text, kept: [...tokens.slice(0, i), ...tokens.slice(i + 2)] };
  }
  return { format: undefined, kept: tokens };
}

/** The source text of `kept`, one cut where tokens were left out. */
function textOf(sql: string, all: readonly Token[], kept: readonly Token[]): string {
  const cut = all.findIndex((token, i) => kept[i] !== token);
  const from = all[0]?.start ?? 0;
  const to = all.at(-1)?.end ?? 0;
  if (cut < 0) return sql.slice(from, to);
  const rest = kept[cut];
  const head = sql.slice(from, all[cut - 1]?.end ?? from);
  return rest === undefined ? head : `${head} ${sql.slice(rest.start, to)}`;
}

/**
 * The last query of a UNION carries the statement's settings, which win over ours, as on a server. Ours of the same name are left out:
 * of two limits the planner would take the first.
 */
function withSettings(sql: string, settings: Settings): string {
  if (Object.keys(settings).length === 0) return sql;
  let clause: Token | undefined;
  let previous: Token | undefined;
  const own = new Set<string>();
  for (const token of sqlTokens(sql)) {
    if (clause !== undefined && token.key === "=" && previous !== undefined) own.add(previous.text);
    if (token.depth === 0 && SET_OPERATORS.has(token.key)) {
      clause = undefined;
      own.clear();
    }
    const followsName = previous?.key === "AS" || previous?.key === ".";
    if (token.depth === 0 && token.key === "SETTINGS" && !followsName) clause = token;
    previous = token;
  }
  if (clause !== undefined) {
    const others = settingsList(
      Object.fromEntries(Object.entries(settings).filter(([name]) => !own.has(name))),
    );
    return others === "" ? sql : `${sql.slice(0, clause.end)} ${others},${sql.slice(clause.end)}`;
  }
  return `${sql} SETTINGS ${settingsList(settings)}`;
}

function readInsert(sql: string, tokens: readonly Token[], settings: Settings): Statement {
  const start = tokens[0]?.start ?? 0;
  let i = tokens[1]?.key === "INTO" ? 2 : 1;
  if (tokens[i]?.key === "TABLE") i += 1;
  const target = readTarget(tokens, i);
  const head = sql.slice(start, tokens[target.next - 1]?.end ?? start);
  const own = readClause(sql, tokens, target.next);
  const following = tokens[own.next];
  const common = { placeholders: placeholdersOf(tokens), tokens };
  const last = tokens.at(-1);
  if (last !== undefined && following?.key === "FORMAT" && !/^values$/i.test(last.text)) {
    const into = { ...target.into, head, settings: own.settings, settingsText: own.text };
    return { kind: "insert-rows", format: last.text, dataAt: skipToRows(sql, last.end), into, ...common };
  }
  const into = { ...target.into, head, settings: own.settings, settingsText: own.text };
  const clause = [settingsList(settings), own.text].filter((part) => part !== "").join(", ");
  const rest = following === undefined ? "" : sql.slice(following.start);
  const whole = clause === "" ? `${head} ${rest}` : `${head} SETTINGS ${clause} ${rest}`;
  const source = following?.key === "VALUES" || following?.key === "FORMAT" ? "values" : "query";
  return { kind: "insert-sql", source, into, sql: whole, ...common };
}

type Target = { into: Pick<Into, "database" | "table" | "columns" | "plain">; next: number };

function readTarget(tokens: readonly Token[], at: number): Target {
  const ends = new Set(["SETTINGS", "FORMAT", "VALUES", "SELECT", "WITH", "FROM"]);
  let next = at;
  while (next < tokens.length) {
    const token = tokens[next];
    const query =
      token?.key === "(" && (tokens[next + 1]?.key === "SELECT" || tokens[next + 1]?.key === "WITH");
    if (token?.depth === 0 && (ends.has(token.key) || query) && next > at) break;
    next += 1;
  }
  const isName = (token: Token | undefined): token is Token =>
    token?.kind === "word" || token?.kind === "name";
  const first = tokens[at];
  const dotted = tokens[at + 1]?.key === "." && isName(tokens[at + 2]);
  const table = dotted ? tokens[at + 2] : first;
  const list = tokens.slice(at + (dotted ? 3 : 1), next);
  const names = list.slice(1, -1).filter((_, i) => i % 2 === 0);
  const commas = list.slice(1, -1).filter((_, i) => i % 2 === 1);
  const listed = list[0]?.key === "(" && list.at(-1)?.key === ")" && names.length === commas.length + 1;
  const plainList = listed && names.every(isName) && commas.every((token) => token.key === ",");
  return {
    into: {
      database: dotted ? first?.text : undefined,
      table: table?.text ?? "",
      columns: plainList ? names.map((token) => token.text) : undefined,
      plain: isName(first) && first.key !== "FUNCTION" && (list.length === 0 || plainList),
    },
    next,
  };
}

type Clause = { readonly settings: Settings | undefined; readonly text: string; readonly next: number };

/** A SETTINGS clause at `at`: its text, and its pairs when every value is a literal. */
function readClause(sql: string, tokens: readonly Token[], at: number): Clause {
  if (tokens[at]?.key !== "SETTINGS") return { settings: {}, text: "", next: at };
  const ends = new Set(["FORMAT", "VALUES", "SELECT", "WITH", "FROM"]);
  let next = at + 1;
  while (next < tokens.length && !(tokens[next]?.depth === 0 && ends.has(tokens[next]?.key ?? ""))) next += 1;
  const inside = tokens.slice(at + 1, next);
  const text = inside.length === 0 ? "" : sql.slice(inside[0]?.start ?? 0, inside.at(-1)?.end ?? 0);
  return { settings: literalsOf(inside), text, next };
}

function literalsOf(inside: readonly Token[]): Settings | undefined {
  const settings: Record<string, string> = {};
  for (let i = 0; i < inside.length; i += 4) {
    const [name, equals, value, comma] = inside.slice(i, i + 4);
    const literal = value?.kind === "string" || value?.kind === "number";
    if (name?.kind !== "word" || equals?.key !== "=" || !literal) return undefined;
    if (comma !== undefined && comma.key !== ",") return undefined;
    settings[name.text] = value.text;
  }
  return settings;
}

/** Where the rows begin: blanks and one line end after the format's name belong to neither. */
function skipToRows(sql: string, at: number): number {
  let i = at;
  while (" \t\f".includes(sql[i] ?? "x")) i += 1;
  if (sql[i] === "\r") i += 1;
  if (sql[i] === "\n") i += 1;
  return i;
}

function placeholdersOf(tokens: readonly Token[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let i = 0; i + 3 < tokens.length; i += 1) {
    const [open, name, colon, type] = [tokens[i], tokens[i + 1], tokens[i + 2], tokens[i + 3]];
    if (open?.key === "{" && name?.kind === "word" && colon?.key === ":" && type?.kind === "word") {
      found.set(name.text, type.text);
    }
  }
  return found;
}
