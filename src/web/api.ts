// Web: the one door to the api. Who we are is a cookie the browser holds and no script can read; problems become errors with their words,
// and news are heard as they come. Never keeps a key.
import { signal } from "@preact/signals";

/** Who looks, as the api says it. Without keys nobody needs a name. */
export interface Session {
  readonly keys_configured: boolean;
  readonly actor: string | null;
  readonly roles: readonly string[];
}
export const session = signal<Session>({ keys_configured: false, actor: null, roles: [] });
/** Set once the api asks who we are; the shell then shows the key's form. */
export const needsKey = signal(false);
/** How fresh what is shown can be: news flow, or they do not. */
export const connection = signal<"connecting" | "live" | "stale">("connecting");
/** Counts news; whoever shows something reads again when it moves. */
export const news = signal(0);

/** Asks who we are. Where nobody answers, the pages will say so themselves. */
export const greet = async (): Promise<void> => {
  const said = await read<Session>("session").catch(() => null);
  if (said === null) return;
  session.value = said;
  needsKey.value = said.keys_configured && said.actor === null;
};

/** Proves a key once. The cookie that stands for it from then on is the browser's; no script ever sees it. */
export const signIn = async (key: string): Promise<void> => {
  await send("session", { key });
  await greet();
  news.value += 1;
};

/** Ends the session; what was read under it goes with the page. */
export const signOut = async (): Promise<void> => {
  const response = await fetch("/api/v1/session", { method: "DELETE" });
  if (!response.ok) throw await refused(response);
  location.assign("/dashboard");
};

/** Whether who looks may give commands of a role; without keys everyone here may. */
export const may = (role: string): boolean => {
  const { keys_configured, roles } = session.value;
  return !keys_configured || roles.includes(role) || roles.includes("admin");
};

/** What the api said instead of an answer. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Problem {
  title?: string;
  detail?: string;
  errors?: { path: string; message: string }[];
}

const refused = async (response: Response): Promise<ApiError> => {
  if (response.status === 401) needsKey.value = true;
  const problem = (await response.json().catch(() => ({}))) as Problem;
  const errors = (problem.errors ?? []).map(({ path, message }) => `${path} ${message}`.trim()).join("; ");
  const said = [problem.title, problem.detail, errors].filter((part) => part !== undefined && part !== "");
  return new ApiError(response.status, said.length === 0 ? `HTTP ${response.status}` : said.join(" – "));
};

/** Reads a route of the api. */
export const read = async <T>(path: string, abort?: AbortSignal): Promise<T> => {
  const response = await fetch(`/api/v1/${path}`, { signal: abort ?? null });
  if (!response.ok) throw await refused(response);
  return (await response.json()) as T;
};

/** Sends a command. */
export const send = async <T>(path: string, body: object): Promise<T> => {
  const response = await fetch(`/api/v1/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw await refused(response);
  return (await response.json()) as T;
};

const RETRY_MS = 3_000;
/** News come at most so often on the screen; a replay would flood it. */
const CALM_MS = 1_500;

/** Listens for news until the page goes; begins again when the line breaks. */
export const listen = (): void => {
  let waiting = false;
  const heard = (): void => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      news.value += 1;
    }, CALM_MS);
  };
  const line = async (): Promise<void> => {
    const response = await fetch("/api/v1/events");
    if (!response.ok || response.body === null) throw await refused(response);
    connection.value = "live";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (value.includes("event: stale")) connection.value = "stale";
      if (value.includes("event: fresh")) connection.value = "live";
      // Whatever moved while the line was broken, or before it stood, is read at its beginning.
      if (/event: (hello|ledger|decision|alert|fresh)/.test(value)) heard();
    }
  };
  const again = (): void => {
    // Asking without a name would only be refused, and counted as an attempt.
    void (needsKey.value ? Promise.resolve() : line())
      .catch(() => undefined)
      .finally(() => {
        connection.value = "stale";
        setTimeout(again, RETRY_MS);
      });
  };
  again();
};
