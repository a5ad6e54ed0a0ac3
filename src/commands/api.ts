// Door: what commands that go through the api share: where it is (the flag, the running stack, the configuration) and the key to show it
// (`FLYBALL_KEY`, never a flag: arguments are visible to every user of a machine).
import type { HttpClient } from "../adapters/http-client.ts";

/** Lends a client of the api to one command. */
export const withApi = async <T>(
  url: string | undefined,
  use: (client: HttpClient, url: string) => Promise<T>,
): Promise<T> => {
  const { loadConfig } = await import("../adapters/config.ts");
  const { createHttpClient } = await import("../adapters/http-client.ts");
  const { running, service } = loadConfig();
  const configured = `http://${service.api.host.includes(":") ? `[${service.api.host}]` : service.api.host}:${service.api.port}`;
  const at = url ?? running?.api ?? configured;
  if (!URL.canParse(at)) throw new Error(`--url ${at}: expected a URL such as http://127.0.0.1:8080`);
  const key = process.env["FLYBALL_KEY"];
  const client = createHttpClient(
    new URL(at).origin,
    key === undefined ? {} : { authorization: `Bearer ${key}` },
  );
  try {
    return await use(client, at);
  } finally {
    await client.close();
  }
};

/** The answer of a running api; where nobody answers, or it refuses, the reason and the way out. */
export const asked = async (
  at: string,
  what: string,
  answer: Promise<{ status: number; body: string }>,
): Promise<{ status: number; body: string }> => {
  const { status, body } = await answer.catch((cause: unknown) => {
    throw new Error(`no api answers at ${at}: start one (flyball up), or name it with --url`, { cause });
  });
  if (status < 400) return { status, body };
  const hint = status === 401 ? " (set FLYBALL_KEY to a key of this deployment)" : "";
  throw new Error(`${what}: the api answered ${status}: ${detailOf(body)}${hint}`);
};

/** A problem's own words; else the body's beginning. */
export const detailOf = (body: string): string => {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null && "detail" in value && typeof value.detail === "string")
      return value.detail;
  } catch {
    // not JSON: a proxy's page, shown as it is
  }
  return body.slice(0, 300);
};
