// Door: `flyball keys …`: who may do what. Works on files under the home alone; a running api hears of it within seconds. A key's text is
// printed once, when it is made, and kept nowhere.
import { InvalidArgumentError, Option, type Command } from "commander";
import { KeyFile, KeyRole } from "../../contracts/keys.ts";
import { durationMs, isDuration } from "../core/duration.ts";
import { tableLines } from "./table.ts";

interface CreateFlags {
  role: KeyRole[];
  model?: string[];
  env: string;
  expires?: number;
  json?: boolean;
}

/** Adds the commands to the program. */
export const register = (program: Command): void => {
  const keys = program.command("keys").description("keys of the api and what each opens");
  keys
    .command("create")
    .description("make a key; its text is shown this once")
    .argument("<name>", "who or what holds it; commands are logged under it", named)
    .addOption(
      new Option("--role <role...>", "what it opens; admin opens everything")
        .choices(KeyRole.options)
        .makeOptionMandatory(),
    )
    .option("--model <model...>", "only these models (default: all)")
    .option("--env <name>", "marks the key's text, e.g. live or test", environment, "live")
    .option("--expires <duration>", "how long it opens anything, e.g. 90d (default: until revoked)", length)
    .option("--json", "machine output")
    .action((name: string, flags: CreateFlags) => create(name, flags));
  keys
    .command("rotate")
    .description("give a key a second secret; the old one goes on opening for a while")
    .argument("<id>")
    .option("--grace <duration>", "how long the old secret still opens", length, 86_400_000)
    .option("--json", "machine output")
    .action((id: string, flags: { grace: number; json?: boolean }) => rotate(id, flags));
  keys
    .command("revoke")
    .description("end a key for good, within seconds")
    .argument("<id>")
    .option("--json", "machine output")
    .action((id: string, flags: { json?: boolean }) => revoke(id, flags));
  keys
    .command("ls")
    .description("every key ever made, without its secrets")
    .option("--json", "machine output")
    .action((flags: { json?: boolean }) => list(flags));
};

const create = async (name: string, flags: CreateFlags): Promise<void> => {
  const { env, role: roles, model: models = null } = flags;
  const store = await openStore();
  const nowMs = Date.now();
  const expiresMs = flags.expires === undefined ? null : nowMs + flags.expires;
  const made = await store.create({ name, env, roles: [...new Set(roles)], models, nowMs, expiresMs });
  if (made === null)
    return fail(`a key named ${name} is in use: revoke or rotate it, or choose another name`);
  const { id, key } = made;
  const until = expiresMs === null ? null : new Date(expiresMs).toISOString();
  if (flags.json === true) return print(JSON.stringify({ id, key, name, roles, models, expires_at: until }));
  process.stderr.write(
    `${name} (${id}) opens ${roles.join(", ")}${models === null ? "" : ` of ${models.join(", ")}`}${until === null ? "" : ` until ${until}`}; this is the only time you see the key:\n`,
  );
  print(key);
};

const rotate = async (id: string, flags: { grace: number; json?: boolean }): Promise<void> => {
  const nowMs = Date.now();
  const previousUntilMs = nowMs + flags.grace;
  const made = await (await openStore()).rotate({ id, nowMs, previousUntilMs });
  if (made === null) return fail(`there is no live key ${id} (flyball keys ls)`);
  const until = new Date(previousUntilMs).toISOString();
  if (flags.json === true) return print(JSON.stringify({ id, key: made.key, previous_until: until }));
  process.stderr.write(
    `the old secret of ${id} opens until ${until}; this is the only time you see the new key:\n`,
  );
  print(made.key);
};

const revoke = async (id: string, flags: { json?: boolean }): Promise<void> => {
  if (!(await (await openStore()).revoke({ id, nowMs: Date.now() })))
    return fail(`there is no key ${id} (flyball keys ls)`);
  print(flags.json === true ? JSON.stringify({ id, revoked: true }) : `${id} opens nothing any more`);
};

const list = async (flags: { json?: boolean }): Promise<void> => {
  const { isLive, liveDigests } = await import("../core/keys.ts");
  const nowMs = Date.now();
  const store = await openStore();
  const used = await store.lastUsed();
  const rows = store.all().map((key) => ({
    id: key.id,
    name: key.name,
    env: key.env,
    roles: key.roles,
    models: key.models,
    state: key.revokedMs !== null ? "revoked" : isLive(key, nowMs) ? "live" : "expired",
    live_secrets: liveDigests(key, nowMs).length,
    created_at: new Date(key.createdMs).toISOString(),
    expires_at: key.expiresMs === null ? null : new Date(key.expiresMs).toISOString(),
    revoked_at: key.revokedMs === null ? null : new Date(key.revokedMs).toISOString(),
    last_used_at: instantOf(used.get(key.id)),
  }));
  if (flags.json === true) return print(JSON.stringify({ keys: rows }));
  if (rows.length === 0) return print("no keys: the api answers its own machine only (flyball keys create)");
  const table = [
    ["ID", "STATE", "NAME", "LAST USED", "EXPIRES", "ROLES", "MODELS"],
    ...rows.map(({ id, name, state, roles, models, expires_at, last_used_at }) => [
      id,
      state,
      name,
      last_used_at?.slice(0, 16) ?? "never",
      expires_at?.slice(0, 16) ?? "never",
      roles.join(","),
      models?.join(",") ?? "all",
    ]),
  ];
  print(tableLines(table).join("\n"));
};

/** To the minute, as it is noted. */
const instantOf = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(Math.floor(ms / 60_000) * 60_000).toISOString();

const openStore = async () => {
  const { loadConfig } = await import("../adapters/config.ts");
  const { openKeys } = await import("../adapters/keys.ts");
  const store = openKeys({
    home: loadConfig().home,
    bootstrap: undefined,
    monotonicMs: () => performance.now(),
  });
  await store.refresh();
  return store;
};

const named = (text: string): string => checked(KeyFile.shape.name.safeParse(text), text);
const environment = (text: string): string => checked(KeyFile.shape.env.safeParse(text), text);

const checked = (
  result:
    { success: true; data: string } | { success: false; error: { issues: readonly { message: string }[] } },
  text: string,
): string => {
  if (result.success) return result.data;
  throw new InvalidArgumentError(
    `"${text.slice(0, 80)}": ${result.error.issues[0]?.message ?? "not allowed"}`,
  );
};

const length = (text: string): number => {
  if (!isDuration(text)) throw new InvalidArgumentError("expected a duration such as 30m, 24h or 90d");
  return durationMs(text);
};

const print = (text: string): void => void process.stdout.write(`${text}\n`);

const fail = (reason: string): void => {
  process.exitCode = 1;
  process.stderr.write(`refused: ${reason}\n`);
};
