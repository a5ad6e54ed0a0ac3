// adapters/migrations: brings a ClickHouse database to the schema of this code, forward only. It promises that every
// numbered file runs once and stays as it was, and that views follow their text; it refuses a changed file, a gap, and a
// database newer than the code rather than repairing them.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { splitStatements } from "../core/sql-tokens.ts";

/** What migrating needs of the ClickHouse adapter. */
export type MigrationClient = {
  createDatabase(): Promise<void>;
  command(sql: string, params?: Readonly<Record<string, unknown>>): Promise<void>;
  ask<T>(sql: string, params?: Readonly<Record<string, unknown>>): Promise<T[]>;
};

export type MigrationDirs = { readonly migrations: string; readonly views?: string };
export type Migrated = {
  readonly applied: readonly string[];
  readonly views: readonly string[];
  readonly current: number;
};

type File = {
  readonly number: number;
  readonly name: string;
  readonly text: string;
  readonly sha256: string;
};
type Entry = { readonly number: number; readonly name: string; readonly sha256: string };

/** Applies what is missing, in order; running it again changes nothing. `now` dates the ledger's entries. */
export async function migrate(
  client: MigrationClient,
  dirs: MigrationDirs | string,
  now: Date,
): Promise<Migrated> {
  const { migrations, views } = typeof dirs === "string" ? { migrations: dirs, views: undefined } : dirs;
  const files = await numberedFiles(migrations);
  await client.createDatabase();
  for (const statement of LEDGER) await client.command(statement);
  const ledger = await client.ask<Entry>(READ_LEDGER);
  refuseMismatch(files, ledger);
  const known = new Set(ledger.map(({ number }) => number));
  const applied: string[] = [];
  for (const file of files.filter(({ number }) => !known.has(number))) {
    await apply(client, file, now);
    applied.push(file.name);
  }
  const remade = views === undefined ? [] : await remakeViews(client, views, now);
  return { applied, views: remade, current: files.at(-1)?.number ?? 0 };
}

const LEDGER = [
  "CREATE DATABASE IF NOT EXISTS flyball",
  `CREATE TABLE IF NOT EXISTS flyball.schema_migrations (
     number Int32, name String, sha256 String, applied_at DateTime64(3, 'UTC')
   ) ENGINE = MergeTree ORDER BY (number, name, applied_at)
   SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`,
];
const READ_LEDGER = `SELECT number, name, argMax(sha256, applied_at) AS sha256
  FROM flyball.schema_migrations GROUP BY number, name ORDER BY number, name`;
const WRITE_LEDGER = `INSERT INTO flyball.schema_migrations (number, name, sha256, applied_at)
  SETTINGS async_insert = 0
  SELECT {number:Int32}, {name:String}, {sha256:String}, {applied_at:DateTime64(3, 'UTC')}`;
/** Views have no number of their own in the ledger. */
const VIEW = 0;

async function apply(client: MigrationClient, file: File, now: Date): Promise<void> {
  // A crash between a statement and the ledger's entry repeats the file: its statements must be idempotent.
  for (const statement of splitStatements(file.text)) {
    try {
      await client.command(statement);
    } catch (cause) {
      const first = statement.trim().split("\n")[0] ?? "";
      throw new Error(`migration ${file.name} failed at: ${first}`, { cause });
    }
  }
  const applied_at = now.toISOString().replace("T", " ").replace("Z", "");
  await client.command(WRITE_LEDGER, {
    number: file.number,
    name: file.name,
    sha256: file.sha256,
    applied_at,
  });
}

async function numberedFiles(dir: string): Promise<File[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith(".sql")).toSorted();
  const files = await Promise.all(
    names.map(async (name): Promise<File> => {
      const digits = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1];
      if (digits === undefined) throw new Error(`migration ${name} is not named NNNN_name.sql`);
      return { number: Number(digits), ...(await fileOf(dir, name)) };
    }),
  );
  files.forEach(({ number, name }, i) => {
    if (number !== i + 1) throw new Error(`migration ${name} leaves a gap: expected number ${i + 1}`);
  });
  return files;
}

async function fileOf(dir: string, name: string): Promise<Omit<File, "number">> {
  const text = await readFile(join(dir, name), "utf8");
  return { name, text, sha256: createHash("sha256").update(text).digest("hex") };
}

function refuseMismatch(files: readonly File[], ledger: readonly Entry[]): void {
  const applied = ledger.filter(({ number }) => number !== VIEW);
  applied.forEach((entry, i) => {
    const file = files[entry.number - 1];
    if (file === undefined) {
      const newest = files.at(-1)?.number ?? 0;
      throw new Error(
        `the database is newer than this code: it has migration ${entry.name}, the code ends at ${newest}`,
      );
    }
    if (entry.number !== i + 1) throw new Error(`the database's ledger misses migration ${i + 1}`);
    if (file.name !== entry.name || file.sha256 !== entry.sha256) {
      throw new Error(
        `migration ${file.name} was changed after it was applied as ${entry.name}; write a new one instead`,
      );
    }
  });
}

async function remakeViews(client: MigrationClient, dir: string, now: Date): Promise<string[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith(".sql")).toSorted();
  const ledger = await client.ask<Entry>(READ_LEDGER);
  const known = new Map(
    ledger.filter(({ number }) => number === VIEW).map(({ name, sha256 }) => [name, sha256]),
  );
  const remade: string[] = [];
  for (const name of names) {
    const file = { number: VIEW, ...(await fileOf(dir, name)) };
    if (known.get(name) === file.sha256) continue;
    if (!/create\s+or\s+replace\s+view/i.test(file.text))
      throw new Error(`view ${name} is not CREATE OR REPLACE VIEW`);
    await apply(client, file, now);
    remade.push(name);
  }
  return remade;
}
