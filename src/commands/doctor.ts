// Door: `flyball doctor`. Looks at the installation as a stack would use it and explains what will not work, each with the way out. It starts
// nothing that stays, changes nothing, and never prints a password; exit 1 where there is a problem.
import type { Command } from "commander";
import type { Config } from "../adapters/config.ts";
import type * as Judgements from "../core/doctor.ts";
import { answer } from "./offline.ts";

type Doctor = typeof Judgements;
type Finding = Judgements.Finding;
type Check = (doctor: Doctor, config: Config) => Promise<Finding[]> | Finding[];

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("doctor")
    .description("find what is wrong with this installation, and the way out")
    .option("--json", "machine output")
    .action(run);
};

const run = async (flags: { json?: boolean }): Promise<void> => {
  const doctor = await import("../core/doctor.ts");
  const findings: Finding[] = [doctor.judgeNode(process.versions.node), ...(await builtOf(doctor))];
  const read = await configOf(doctor);
  findings.push(...read.findings);
  if (read.config !== null) for (const check of CHECKS) findings.push(...(await check(doctor, read.config)));
  findings.push(await onnxOf(doctor), await engineOf(doctor));
  const problems = findings.filter(({ state }) => state === "problem");
  answer(flags, { ok: problems.length === 0, findings }, findings.map(lineOf).join("\n"));
  if (problems.length === 0) return;
  process.exitCode = 1;
  process.stderr.write(`${problems.length} problem${problems.length === 1 ? "" : "s"} found\n`);
};

const SIGNS = { ok: "✓", problem: "✕", unknown: "?" } as const;

const lineOf = ({ check, state, seen, remedy }: Finding): string =>
  `${SIGNS[state]} ${check.padEnd(10)} ${seen}${remedy === "" ? "" : `\n  ${" ".repeat(10)} → ${remedy}`}`;

/** Processes are started from dist, pages served from it. */
const builtOf = async ({ ok, bad }: Doctor): Promise<Finding[]> => {
  const { existsSync } = await import("node:fs");
  const path = await import("node:path");
  const { projectRoot } = await import("../adapters/config.ts");
  const dist = path.join(projectRoot(), "dist");
  const missing = [path.join("src", "cli.js"), path.join("web", "index.html")].filter(
    (file) => !existsSync(path.join(dist, file)),
  );
  return missing.length === 0
    ? [ok("build", dist)]
    : [bad("build", `dist/${missing.join(", dist/")} is missing`, "npm run build")];
};

/** Everything an operator may have mistyped: settings, policy, alerts. */
const configOf = async ({ ok, bad }: Doctor): Promise<{ config: Config | null; findings: Finding[] }> => {
  const { loadConfig } = await import("../adapters/config.ts");
  const { loadAlerts } = await import("../adapters/channels.ts");
  const { loadPolicy } = await import("../wiring.ts");
  const wrong = (cause: unknown): Finding =>
    bad("config", reasonOf(cause), "correct the line named; every setting is described in config/*.yaml");
  let config: Config;
  try {
    config = loadConfig();
  } catch (cause) {
    return { config: null, findings: [wrong(cause)] };
  }
  const findings: Finding[] = [];
  for (const look of [
    (): unknown => loadPolicy(config),
    (): unknown => loadAlerts(config.configDir, process.env),
  ])
    try {
      look();
    } catch (cause) {
      findings.push(wrong(cause));
    }
  return { config, findings: findings.length === 0 ? [ok("config", config.configDir)] : findings };
};

const homeOf: Check = async ({ ok, bad, judgeDisk }, { home }) => {
  const { accessSync, constants, existsSync, statSync, statfsSync } = await import("node:fs");
  const path = await import("node:path");
  let place = home;
  while (!existsSync(place)) place = path.dirname(place);
  const findings: Finding[] = [];
  if (!statSync(place).isDirectory())
    return [bad("home", `${place} is no folder`, "remove it, or set FLYBALL_HOME to a folder of your own")];
  try {
    accessSync(place, constants.W_OK | constants.X_OK);
    findings.push(ok("home", place === home ? home : `${home} (will be made)`));
  } catch {
    findings.push(
      bad(
        "home",
        `${place} cannot be written by this user`,
        `chown it to this user, or set FLYBALL_HOME to a folder of your own`,
      ),
    );
  }
  const { bavail, blocks, bsize } = statfsSync(place);
  return [...findings, judgeDisk(place, bavail * bsize, blocks * bsize)];
};

/** A stack that died without a word, and engines' locks whose holder is gone. */
const locksOf: Check = async ({ ok, bad }, { home, running }) => {
  const { existsSync, readFileSync } = await import("node:fs");
  const path = await import("node:path");
  const file = path.join(home, "run.json");
  if (running !== null) return [ok("stack", `runs as process ${running.pid} at ${running.api}`)];
  if (!existsSync(file)) return [ok("stack", `none runs in ${home}`)];
  const told = readFileSync(file, "utf8").slice(0, 500);
  const pid = /"pid":\s*(\d+)/.exec(told)?.[1] ?? "?";
  return [
    bad(
      "stack",
      `${file} names process ${pid}, which is gone`,
      `rm ${file}, then flyball up: it takes up what was left`,
    ),
  ];
};

const portOf: Check = async ({ ok, bad }, { service, running }) => {
  const { createServer } = await import("node:net");
  const { host, port } = service.api;
  if (running !== null || port === 0) return [];
  const code = await new Promise<string | null>((resolve) => {
    const probe = createServer().once("error", (cause: NodeJS.ErrnoException) => resolve(cause.code ?? "?"));
    probe.listen(port, host, () => probe.close(() => resolve(null)));
  });
  if (code === null) return [ok("port", `${host}:${port} is free`)];
  const seen =
    code === "EADDRINUSE" ? `${host}:${port} is taken` : `${host}:${port} cannot be listened on (${code})`;
  return [bad("port", seen, "stop what uses it (ss -ltnp), or set FLYBALL_API_PORT; 0 takes a free one")];
};

/** Two clocks are looked at; each says whose it is. */
const whose = (clock: string, finding: Finding): Finding => ({
  ...finding,
  seen: `${finding.seen}, ${clock}'s`,
});

/** The one that is configured, else the program `flyball up` would start. */
const redisOf: Check = async (doctor, { service }) => {
  const { url } = service.redis;
  if (url === null) return [await redisProgram(doctor)];
  const { connectRedis } = await import("../adapters/redis.ts");
  const shown = withoutPassword(url);
  const client = connectRedis({ url }, { timeoutMs: 2_000 });
  try {
    const version = /redis_version:(\S+)/.exec(await client.info("server"))?.[1] ?? "?";
    const setting = async (name: string): Promise<string | null> =>
      client.config("GET", name).then(
        (told) => String(Array.isArray(told) ? (told[1] ?? "") : "") || null,
        () => null,
      );
    const [appendonly, appendfsync, maxmemoryPolicy] = await Promise.all(
      ["appendonly", "appendfsync", "maxmemory-policy"].map(setting),
    );
    const settings = {
      appendonly: appendonly ?? null,
      appendfsync: appendfsync ?? null,
      maxmemoryPolicy: maxmemoryPolicy ?? null,
    };
    const before = Date.now();
    const [seconds = "0", micros = "0"] = (await client.time()).map(String);
    const roundTripMs = Date.now() - before;
    const skewMs = Number(seconds) * 1_000 + Number(micros) / 1_000 - (before + roundTripMs / 2);
    return [
      doctor.judgeRedis(shown, { version, ...settings }),
      whose("Redis", doctor.judgeSkew("clock", skewMs, roundTripMs)),
    ];
  } catch (cause) {
    return [
      doctor.bad(
        "redis",
        `${shown} does not answer: ${reasonOf(cause)}`,
        "start it, or correct redis.url; null lets flyball up start one of its own",
      ),
    ];
  } finally {
    client.disconnect();
  }
};

const redisProgram = async ({ ok, bad, isAtLeast, REDIS_NEEDED }: Doctor): Promise<Finding> => {
  const { execFileSync } = await import("node:child_process");
  const install =
    "run scripts/setup.sh, or install Redis 7.0 or newer (apt-get install redis-server, brew install redis)";
  try {
    const said = execFileSync("redis-server", ["--version"], { encoding: "utf8", timeout: 5_000 });
    const version = /v=([\d.]+)/.exec(said)?.[1] ?? "?";
    return isAtLeast(version, REDIS_NEEDED)
      ? ok("redis", `redis-server ${version} on PATH; flyball up starts a private one`)
      : bad("redis", `redis-server ${version} is too old`, install);
  } catch {
    return bad("redis", "no redis-server on PATH and no redis.url configured", install);
  }
};

const clickhouseOf: Check = async (doctor, { service }) => {
  const { url, user, password } = service.clickhouse;
  if (url === null) return [];
  const shown = withoutPassword(url);
  const before = Date.now();
  try {
    const response = await fetch(
      new URL("/?query=SELECT+version(),+toUnixTimestamp64Milli(now64(3))+FORMAT+TSV", url),
      {
        headers: user === null ? {} : { "x-clickhouse-user": user, "x-clickhouse-key": password ?? "" },
        signal: AbortSignal.timeout(5_000),
      },
    );
    const text = await response.text();
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${text.slice(0, 200)}`);
    const roundTripMs = Date.now() - before;
    const [version = "?", at = ""] = text.trim().split("\t");
    return [
      doctor.ok("clickhouse", `${version} at ${shown}`),
      whose("ClickHouse", doctor.judgeSkew("clock", Number(at) - (before + roundTripMs / 2), roundTripMs)),
    ];
  } catch (cause) {
    return [
      doctor.bad(
        "clickhouse",
        `${shown} does not answer: ${reasonOf(cause)}`,
        "start it, or correct clickhouse.url, user and password; null lets flyball up start the embedded engine",
      ),
    ];
  }
};

const keysOf: Check = async ({ ok, bad, unknown }, { home, service }) => {
  const { openKeys } = await import("../adapters/keys.ts");
  const { refuseOpenDoor } = await import("../http/guard.ts");
  const store = openKeys({
    home,
    bootstrap: process.env["FLYBALL_BOOTSTRAP_KEY"],
    monotonicMs: () => performance.now(),
  });
  try {
    await store.refresh();
  } catch (cause) {
    return [bad("keys", reasonOf(cause), "restore <home>/keys with its modes (files 600, folder 700)")];
  }
  try {
    refuseOpenDoor(store.configured(), service.api.host);
  } catch (cause) {
    return [bad("keys", reasonOf(cause), "flyball keys create <name> --role admin, or listen on 127.0.0.1")];
  }
  return store.configured()
    ? [ok("keys", `${store.all().length} made`)]
    : [unknown("keys", "none: the api answers this machine only, and everyone on it")];
};

const CHECKS: readonly Check[] = [homeOf, locksOf, portOf, redisOf, clickhouseOf, keysOf];

/** Native parts are npm packages of their own: an install for another platform, or with --omit=optional, lacks them. */
const REINSTALL =
  "rm -rf node_modules && npm ci --include=optional (on the machine, and with the libc, that runs it)";

const onnxOf = async ({ ok, bad }: Doctor): Promise<Finding> => {
  try {
    const { env } = await import("onnxruntime-node");
    return ok("onnx", `ONNX Runtime ${env.versions.node ?? "loaded"}`);
  } catch (cause) {
    return bad("onnx", `onnxruntime-node cannot be loaded: ${reasonOf(cause)}`, REINSTALL);
  }
};

/** In a child: a native library that does not fit may end the process that loads it. */
const engineOf = async ({ ok, bad }: Doctor): Promise<Finding> => {
  const { mkdtemp, rm } = await import("node:fs/promises");
  const { tmpdir } = await import("node:os");
  const path = await import("node:path");
  const { startClickhouse } = await import("../adapters/clickhouse-child.ts");
  const folder = await mkdtemp(path.join(tmpdir(), "flyball-doctor-"));
  try {
    const engine = await startClickhouse({ path: folder, sessions: 1 });
    try {
      const version = await (await fetch(`${engine.url}/?query=SELECT+version()`)).text();
      return ok("chdb", `embedded ClickHouse ${version.trim()}`);
    } finally {
      await engine.close();
    }
  } catch (cause) {
    return bad("chdb", `the embedded engine does not start: ${reasonOf(cause)}`, REINSTALL);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const withoutPassword = (url: string): string => {
  if (!URL.canParse(url)) return "a URL that is none";
  const parsed = new URL(url);
  if (parsed.password !== "") parsed.password = "***";
  return parsed.href;
};

const reasonOf = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).trim().slice(0, 500);
