// http/clickhouse-guard: which statements the embedded engine may run at all. Unless files are allowed, nothing a client
// sends may read or write a file, reach a network or start a command. Table functions and engines are allowed by name,
// so that one a later engine brings is refused until somebody has looked at it.
import type { Token } from "../core/sql-tokens.ts";
import { refuse } from "./clickhouse-errors.ts";

/** Throws ACCESS_DENIED when the statement reaches outside the engine; `names` are the values of Identifier parameters. */
export function refuseOutside(
  tokens: readonly Token[],
  names: readonly string[],
  tableFunctions: readonly string[],
): void {
  const outside = new Set(
    tableFunctions.map((name) => name.toLowerCase()).filter((name) => !HARMLESS.has(name)),
  );
  const reads = readsTables(tokens);
  const mayMake = !MAKES_NOTHING.has(tokens[0]?.key ?? "");
  tokens.forEach((token, i) => {
    const next = tokens[i + 1];
    const callable = token.kind === "word" || token.kind === "name";
    const called = callable && next?.key === "(" ? token.text.toLowerCase() : "";
    if (outside.has(called) || OUTSIDE_FUNCTIONS.has(called) || called.startsWith("ai"))
      deny(`${token.text}()`);
    if (token.key === "INTO" && next?.key === "OUTFILE") deny("INTO OUTFILE");
    if (token.key === "FROM" && next?.key === "INFILE") deny("FROM INFILE");
    if (mayMake && token.key === "ENGINE" && token.depth === 0)
      refuseEngine(tokens[next?.key === "=" ? i + 2 : i + 1]);
    if (token.kind === "name" && isPath(token.text)) deny(token.text);
    if (token.kind === "string" && reads.has(i) && isPath(token.text)) deny(`table ${token.text}`);
  });
  if (OUTSIDE_VERBS.has(tokens[0]?.key ?? "")) deny(tokens[0]?.key ?? "");
  const made =
    tokens[0]?.key === "CREATE" ? tokens.slice(1).find(({ key }) => !CREATE_PREFIXES.has(key)) : undefined;
  if (made !== undefined && CREATES_OUTSIDE.has(made.key)) deny(`CREATE ${made.key}`);
  const path = names.find(isPath);
  if (path !== undefined) deny(path);
}

const HARMLESS = new Set(
  (
    "numbers numbers_mt zeros zeros_mt primes generateseries generate_series generaterandom values sqlstandardvalues " +
    "null view viewifpermitted viewexplain merge format input dictionary loop fuzzquery fuzzjson mergetreeindex " +
    "mergetreetextindex mergetreeprojection mergetreeanalyzeindexes mergetreeanalyzeindexesuuid timeseriesdata " +
    "timeseriesmetrics timeseriesselector timeseriessamples timeseriestags prometheusquery prometheusqueryrange"
  ).split(" "),
);
const OUTSIDE_FUNCTIONS = new Set(["file", "catboostevaluate", "python", "executable", "eval", "filesystem"]);
const HARMLESS_ENGINES = new Set(
  (
    "mergetree replacingmergetree summingmergetree aggregatingmergetree collapsingmergetree coalescingmergetree " +
    "versionedcollapsingmergetree graphitemergetree memory log tinylog stripelog null set join buffer merge view " +
    "materializedview windowview dictionary generaterandom atomic ordinary alias loop timeseries"
  ).split(" "),
);
/** BACKUP and RESTORE write to disks and buckets; ATTACH takes paths. */
const OUTSIDE_VERBS = new Set(["BACKUP", "RESTORE", "ATTACH"]);
/** In these `engine` is a column: system.tables has one, and whoever explores a server asks for it. */
const MAKES_NOTHING = new Set(["SELECT", "WITH", "(", "INSERT"]);
const CREATE_PREFIXES = new Set(["OR", "REPLACE", "TEMPORARY", "NAMED"]);
const CREATES_OUTSIDE = new Set(["DICTIONARY", "COLLECTION", "USER", "ROLE"]);

function deny(what: string): never {
  refuse(
    "ACCESS_DENIED",
    `${what} reaches outside the engine; start \`flyball clickhouse\` with --allow-files to permit it`,
  );
}

function refuseEngine(engine: Token | undefined): void {
  if (engine === undefined || (engine.kind !== "word" && engine.kind !== "name")) return;
  if (!HARMLESS_ENGINES.has(engine.text.toLowerCase())) deny(`ENGINE ${engine.text}`);
}

/**
 * The engine's default database takes a name it does not know for a file: absolute, climbing, or with a scheme. Names
 * relative to the working directory find nothing, because the process stands in an empty one.
 */
const isPath = (name: string): boolean => /^[/~]|\.\.|:\/\//.test(name);

const TABLE_WORDS = new Set(["FROM", "JOIN", "INTO", "TABLE", "DESCRIBE", "DESC", "EXISTS"]);
const FROM_ENDS = new Set(
  "SELECT WHERE PREWHERE GROUP ORDER HAVING LIMIT SETTINGS FORMAT UNION QUALIFY WINDOW".split(" "),
);

/** Indexes of the tokens that stand where a table is named; there the engine takes even a string for a file. */
function readsTables(tokens: readonly Token[]): ReadonlySet<number> {
  const found = new Set<number>();
  const inFrom: boolean[] = [];
  tokens.forEach((token, i) => {
    const { depth } = token;
    const before = tokens[i - 1];
    const listed =
      (before?.key === "," && inFrom[depth] === true) || (before?.key === "(" && found.has(i - 1));
    if (before !== undefined && (TABLE_WORDS.has(before.key) || before.key === "." || listed)) found.add(i);
    if (token.key === "FROM" || token.key === "JOIN") inFrom[depth] = true;
    else if (FROM_ENDS.has(token.key)) inFrom[depth] = false;
    if (token.key === "(") inFrom[depth + 1] = found.has(i);
  });
  return found;
}
