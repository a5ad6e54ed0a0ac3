// Stage room: an operator's commands over HTTP. The command is written into the ledger before the answer, by the very stage the command
// line uses: one trail. It is carried out by the execute stage; how it ended is asked for by its id. Pages of other sites may not
// send commands through a reader's browser.
import type { Context, Hono } from "hono";
import type { CommandName, CommandRecord } from "../../contracts/governance.ts";
import { CommandName as Names } from "../../contracts/governance.ts";
import { CommandBody, type CommandItem } from "../../contracts/read.ts";
import { modelOf } from "../core/governance-state.ts";
import type { Refusal } from "../core/governance-laws.ts";
import { problem } from "../core/problem.ts";
import { snakeCased } from "../core/snake-case.ts";
import { isoOf } from "../core/time.ts";
import type { KeepsLedger } from "../ports.ts";
import { commandOf, giveCommand } from "../stages/command.ts";
import { answerProblem, readJsonText, refuseWith } from "./body.ts";
import { answer, notIn, readApp, unknown } from "./read-page.ts";

export interface CommandPorts {
  readonly ledger: Pick<KeepsLedger, "state" | "append">;
  now(): Promise<number>;
  newId(): string;
}

const BODY_BYTES_MAX = 16_384;
/** Who gave a command where no keys are configured: whoever reaches the loopback address. */
const NOBODY = "http:local";

/** Routes of commands. */
export const commandRoutes = (ports: CommandPorts): Hono => {
  const app = readApp();
  app.post("/api/v1/governance/:model/:command", (c) =>
    take(ports, c, c.req.param("model"), c.req.param("command")),
  );
  app.get("/api/v1/governance/:model", async (c) => {
    const state = await ports.ledger.state();
    const { model } = c.req.param();
    if (!Object.hasOwn(state.models, model)) return refuseWith("unknown-model", notIn(state, model, c));
    return answer({
      generation: state.generation,
      seq: state.seq,
      governance: snakeCased(modelOf(state, model)),
    });
  });
  app.get("/api/v1/governance/:model/commands", async (c) => {
    const { commands } = modelOf(await ports.ledger.state(), c.req.param("model"));
    return answer({ items: commands.map(itemOf).reverse(), next_cursor: null });
  });
  app.get("/api/v1/governance/:model/commands/:id", async (c) => {
    const command = commandOf(modelOf(await ports.ledger.state(), c.req.param("model")), c.req.param("id"));
    return command === null ? unknown("The model has no command with this id.") : answer(itemOf(command));
  });
  return app;
};

const take = async (ports: CommandPorts, c: Context, model: string, name: string): Promise<Response> => {
  const command = Names.safeParse(name);
  if (!command.success)
    return refuseWith("not-found", `No such command; there are ${Names.options.join(", ")}.`);
  if (isForeign(c))
    return refuseWith("forbidden", "A command comes from this origin or from no page at all.");
  const text = await readJsonText(c, BODY_BYTES_MAX);
  if (!text.ok) return answerProblem(text.problem);
  const body = CommandBody.safeParse(jsonOf(text.body));
  if (!body.success) {
    const errors = body.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
    return answerProblem(problem("invalid-body", "A command needs a reason.", errors));
  }
  const state = await ports.ledger.state();
  if (!Object.hasOwn(state.models, model)) return refuseWith("unknown-model", notIn(state, model, c));
  return give(ports, actorOf(c), { model, command: command.data, body: body.data });
};

const give = async (
  ports: CommandPorts,
  actor: string,
  by: { model: string; command: CommandName; body: ReturnType<typeof CommandBody.parse> },
): Promise<Response> => {
  const { model, command, body } = by;
  const given = await giveCommand(ports.ledger, {
    commandId: ports.newId(),
    model,
    command,
    version: body.version ?? null,
    actor,
    reason: body.reason,
    expiresAt: body.expires_at ?? null,
    generation: body.generation ?? null,
    at: isoOf(await ports.now()),
  });
  switch (given.outcome) {
    case "recorded":
      return answer({ command_id: given.commandId, generation: given.generation }, 202);
    case "stale":
      return moved(given.generation);
    case "refused":
      return refusal(given.refusal);
  }
};

/** The problem document with the generation to name the next time, as RFC 9457 lets a member be added. */
const moved = (generation: number): Response => {
  const why = { ...problem("ledger-moved", "Look again before you decide."), generation };
  return answerProblem(why);
};

const refusal = ({ code, detail }: Refusal): Response => {
  if (code === "unknown-model") return refuseWith("unknown-model", detail);
  if (code === "unknown-version") return refuseWith("unknown-thing", detail);
  return answerProblem(problem("refused", detail, [{ path: "", message: code }]));
};

/** What is no JSON has the wrong shape, too. */
const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** True where a browser says that another site's page sends this. */
const isForeign = (c: Context): boolean => {
  const origin = c.req.header("origin");
  if (c.req.header("sec-fetch-site") === "cross-site") return true;
  if (origin === undefined) return false;
  return URL.canParse(origin) ? new URL(origin).host !== c.req.header("host") : true;
};

const actorOf = (c: Context): string => {
  const actor: unknown = c.get("actor");
  return typeof actor === "string" && actor !== "" ? actor : NOBODY;
};

const itemOf = (record: CommandRecord): CommandItem => ({
  command_id: record.commandId,
  command: record.command,
  version: record.version,
  actor: record.actor,
  reason: record.reason,
  at: record.at,
  expires_at: record.expiresAt,
  status: record.status,
  detail: record.detail,
});
