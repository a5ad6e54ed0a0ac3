// Web: the one door to the api. Sends the key that was typed in, turns problems into errors with their words, and hears news as they come.
// The key lives in this tab's session only.
import { signal } from "@preact/signals";

const KEY = "flyball-key";

/** Set once the api asks who we are; the shell then shows the key's form. */
export const needsKey = signal(false);
/** How fresh what is shown can be: news flow, or they do not. */
export const connection = signal<"connecting" | "live" | "stale">("connecting");
/** Counts news; whoever shows something reads again when it moves. */
export const news = signal(0);

/** Remembers the key for this tab and asks everything again. */
export const useKey = (key: string): void => {
  sessionStorage.setItem(KEY, key);
  needsKey.value = false;
  news.value += 1;
};

const headers = (): Record<string, string> => {
  const key = sessionStorage.getItem(KEY);
  return key === null ? {} : { authorization: `Bearer ${key}` };
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
  const response = await fetch(`/api/v1/${path}`, { headers: headers(), signal: abort ?? null });
  if (!response.ok) throw await refused(response);
  return (await response.json()) as T;
};

/** Sends a command. */
export const send = async <T>(path: string, body: object): Promise<T> => {
  const response = await fetch(`/api/v1/${path}`, {
    method: "POST",
    headers: { ...headers(), "content-type": "application/json" },
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
    const response = await fetch("/api/v1/events", { headers: headers() });
    if (!response.ok || response.body === null) throw await refused(response);
    connection.value = "live";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (value.includes("event: stale")) connection.value = "stale";
      if (value.includes("event: fresh")) connection.value = "live";
      if (/event: (ledger|decision|alert|fresh)/.test(value)) heard();
    }
  };
  const again = (): void => {
    void line()
      .catch(() => undefined)
      .finally(() => {
        connection.value = "stale";
        setTimeout(again, RETRY_MS);
      });
  };
  again();
};
