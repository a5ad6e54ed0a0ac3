// Door: what commands that need no running stack share: the home directory, an engine of their own in a child process, contract
// files, and answers as text for people or JSON for programs. Never leaves an engine or its files behind.
import { randomUUID } from "node:crypto";
import { access, readdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { startClickhouse } from "../adapters/clickhouse-child.ts";
import { loadConfig } from "../adapters/config.ts";
import { makeDirectory } from "../adapters/durable.ts";
import { openRegistry } from "../adapters/registry-open.ts";
import type { Registry } from "../adapters/registry.ts";
import { parseContract } from "../core/contract.ts";
import { nearestWord } from "../core/nearest.ts";
import type { PlacedError } from "../core/yaml-document.ts";

/** Where state lives: FLYBALL_HOME, or .flyball beside the caller. */
export const homeOf = (): string => resolve(process.env["FLYBALL_HOME"] ?? ".flyball");

/** The registry the configuration asks for; without one, the home folder's. */
export const registryHere = (): Registry => openRegistry(loadConfig());

/** Opens an embedded engine that may read and write files, lends its URL, and removes it with its directory. */
export const withEngine = <T>(home: string, use: (url: string) => Promise<T>): Promise<T> =>
  withEngineAtNeed(home, async (engine) => use(await engine()));

/** The same of an engine that starts when its URL is first asked for, if ever. */
export const withEngineAtNeed = async <T>(
  home: string,
  use: (engine: () => Promise<string>) => Promise<T>,
): Promise<T> => {
  const path = join(home, "tmp", `engine-${randomUUID()}`);
  const start = async () => {
    await makeDirectory(path);
    return startClickhouse({ path, allowFiles: true, sessions: 2 });
  };
  const started: ReturnType<typeof start>[] = []; // one at most
  try {
    return await use(async () => (await (started[0] ??= start())).url);
  } finally {
    for (const engine of await Promise.allSettled(started))
      if (engine.status === "fulfilled") await engine.value.close();
    await rm(path, { recursive: true, force: true });
  }
};

/** Reads a contract by file or by `<name>@<version>` of contracts/features; throws with every mistake and its line. */
export const readContract = async (
  reference: string,
): Promise<{ contract: FeatureContract; digest: string }> => {
  const file = await contractFile(reference);
  const parsed = parseContract(await readFile(file, "utf8"), file);
  if (!parsed.ok) throw new Error(mistakes(file, parsed.errors));
  return { contract: parsed.contract, digest: parsed.digest };
};

/** Finds a contract's file: a path, or a name and version in contracts/features. */
export const contractFile = async (reference: string): Promise<string> => {
  const named = join("contracts", "features", `${reference}.yaml`);
  for (const file of /^[a-z0-9._-]+@[\d.]+$/.test(reference) ? [reference, named] : [reference])
    if (
      await access(file).then(
        () => true,
        () => false,
      )
    )
      return file;
  const names = (await readdir(join("contracts", "features")).catch(() => []))
    .sort()
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.slice(0, -".yaml".length));
  const meant = names.findLast((name) => name.startsWith(`${reference}@`)) ?? nearestWord(reference, names);
  throw new Error(
    `${reference}: no such contract file, here or in contracts/features${meant === null ? "" : `; did you mean ${meant}?`}`,
  );
};

/** Mistakes as compilers print them, one a line. */
export const mistakes = (file: string, errors: readonly PlacedError[]): string =>
  errors
    .map(
      ({ line, column, key, message }) =>
        `${file}:${line}:${column}: ${key === "" ? "" : `${key}: `}${message}`,
    )
    .join("\n");

/** Prints an answer: JSON alone on stdout for programs, else text. */
export const answer = (flags: { json?: boolean }, value: unknown, text: string): void => {
  process.stdout.write(`${flags.json === true ? JSON.stringify(value) : text}\n`);
};
