// Adapter: configuration from config/*.yaml, the environment and a running stack's run.json, in rising order of precedence:
// file, run.json (only for neighbours the file leaves to us), environment. Unknown keys are refusals naming the nearest known one.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { RunningStack, ScheduleConfig, ServiceConfig } from "../../contracts/config.ts";
import { nearestWord } from "../core/nearest.ts";
import { retentionProblem } from "../core/retention.ts";

export interface Config {
  readonly home: string;
  readonly configDir: string;
  readonly service: ServiceConfig;
  readonly schedule: ScheduleConfig;
  readonly running: RunningStack | null;
}

/** Configuration cannot be used; the message names file, key and way out. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** The folder that holds `config/`, `contracts/` and `clickhouse/`, whether running from source or from `dist/`. */
export const projectRoot = (): string => {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, "package.json"))) {
    const parent = path.dirname(folder);
    if (parent === folder)
      throw new ConfigError("cannot find the installation folder: no package.json above this file");
    folder = parent;
  }
  return folder;
};

/** Reads everything once; throws `ConfigError` with every problem found. */
export const loadConfig = (env: NodeJS.ProcessEnv = process.env): Config => {
  const home = path.resolve(env["FLYBALL_HOME"] ?? ".flyball");
  const configDir = path.resolve(env["FLYBALL_CONFIG"] ?? path.join(projectRoot(), "config"));
  const running = readRunning(home);
  const service = withEnvironment(readYaml(path.join(configDir, "service.yaml")), env);
  if (running !== null) {
    service["redis"] = preferUrl(service["redis"], running.redis);
    service["clickhouse"] = preferUrl(service["clickhouse"], running.clickhouse);
  }
  const checked = check(ServiceConfig, service, "service.yaml");
  const tooShort = retentionProblem(checked);
  if (tooShort !== null) throw new ConfigError(`service.yaml: ${tooShort}`);
  return {
    home,
    configDir,
    service: checked,
    schedule: check(ScheduleConfig, readYaml(path.join(configDir, "schedule.yaml")), "schedule.yaml"),
    running,
  };
};

/** The stack that `flyball up` left word of, if its process is still alive. */
const readRunning = (home: string): RunningStack | null => {
  const file = path.join(home, "run.json");
  if (!existsSync(file)) return null;
  try {
    const running = RunningStack.parse(JSON.parse(readFileSync(file, "utf8")));
    process.kill(running.pid, 0);
    return running;
  } catch {
    return null;
  }
};

const preferUrl = (section: unknown, url: string): unknown => {
  const own = z.record(z.string(), z.unknown()).safeParse(section ?? {});
  if (!own.success) return section;
  return typeof own.data["url"] === "string" ? own.data : { ...own.data, url };
};

const readYaml = (file: string): Record<string, unknown> => {
  if (!existsSync(file)) return {};
  const lines = new LineCounter();
  const document = parseDocument(readFileSync(file, "utf8"), { lineCounter: lines });
  const [problem] = document.errors;
  if (problem !== undefined) throw new ConfigError(`${path.basename(file)}: ${problem.message}`);
  const content = z.record(z.string(), z.unknown()).safeParse(document.toJS() ?? {});
  if (!content.success)
    throw new ConfigError(`${path.basename(file)}: expected keys and values at the top level`);
  return content.data;
};

/** Not settings of service.yaml: read elsewhere. */
const RESERVED = new Set([
  "HOME",
  "CONFIG",
  "BOOTSTRAP_KEY",
  "KEY",
  "FAILPOINTS",
  "SLOT",
  "SUPERVISED",
  "TEST_STRICT",
]);

/** FLYBALL_API_PORT=9000 becomes api.port; numbers and booleans are read as such. */
const withEnvironment = (file: Record<string, unknown>, env: NodeJS.ProcessEnv): Record<string, unknown> => {
  const result: Record<string, unknown> = structuredClone(file);
  const sections = Object.keys(ServiceConfig.shape);
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith("FLYBALL_") || text === undefined) continue;
    const rest = name.slice("FLYBALL_".length);
    if (RESERVED.has(rest)) continue;
    const lower = rest.toLowerCase();
    const section = sections.find((s) => lower === s || lower.startsWith(`${s}_`));
    if (section === undefined) {
      const hint = nearestWord(lower.split("_")[0] ?? lower, sections);
      throw new ConfigError(
        `${name}: no such setting${hint === null ? "" : `; did you mean FLYBALL_${hint.toUpperCase()}_…?`}`,
      );
    }
    const value = scalar(text);
    if (lower === section) result[section] = value;
    else {
      const inner = z
        .record(z.string(), z.unknown())
        .catch({})
        .parse(result[section] ?? {});
      result[section] = { ...inner, [lower.slice(section.length + 1)]: value };
    }
  }
  return result;
};

const scalar = (text: string): unknown => {
  if (text === "null") return null;
  if (text === "true" || text === "false") return text === "true";
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (text.startsWith("[") || text.startsWith("{")) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text;
};

const check = <T>(word: z.ZodType<T> & { shape: object }, value: unknown, file: string): T => {
  const result = word.safeParse(value);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const at = issue.path.join(".");
    if (issue.code !== "unrecognized_keys") return `${file}: ${at || "(top)"}: ${issue.message}`;
    return issue.keys
      .map((key) => {
        const known = knownKeys(word, issue.path);
        const hint = nearestWord(key, known);
        const where = at === "" ? key : `${at}.${key}`;
        return `${file}: unknown key ${where}${hint === null ? `; known here: ${known.join(", ")}` : `; did you mean ${hint}?`}`;
      })
      .join("\n");
  });
  throw new ConfigError(lines.join("\n"));
};

/** Keys a section knows, found by asking the word itself for its defaults. */
const knownKeys = (word: z.ZodType & { shape: object }, at: readonly PropertyKey[]): string[] => {
  let place: unknown = at.length === 0 ? word.shape : word.parse({});
  for (const step of at) {
    place = z.record(z.string(), z.unknown()).catch({}).parse(place)[String(step)];
  }
  return place !== null && typeof place === "object" ? Object.keys(place) : [];
};
