// Stage room: news as server-sent events: moves of the ledger, new decisions, new alerts. One watcher serves all listeners and works only
// while there are any. An event says that something moved; the truth is read from the lists. Nothing is kept for who was away.
import type { Hono } from "hono";
import type { KeepsLedger } from "../ports.ts";
import type { News, ReadsForPeople } from "../ports-reading.ts";
import { refuseWith } from "./body.ts";
import { readApp } from "./read-page.ts";

export interface EventsPorts {
  readonly ledger: Pick<KeepsLedger, "state" | "sealed">;
  readonly lists: Pick<ReadsForPeople, "news">;
  now(): Promise<number>;
}

const LOOK_EVERY_MS = 1_000;
/** Silence ends connections in some proxies. */
const SILENCE_MS_MAX = 15_000;
const LISTENERS_MAX = 100;

type Listener = (text: string) => void;

/** The route of news. */
export const eventRoutes = (ports: EventsPorts): Hono => {
  const listeners = new Set<Listener>();
  const look = watcher(ports, (event, body) => {
    const text = `event: ${event}\ndata: ${JSON.stringify(body)}\n\n`;
    for (const listener of listeners) listener(text);
  });
  let watching: NodeJS.Timeout | null = null;
  const app = readApp();
  app.get("/api/v1/events", (c) => {
    if (listeners.size >= LISTENERS_MAX)
      return refuseWith("overloaded", `At most ${LISTENERS_MAX} listeners.`);
    const encoder = new TextEncoder();
    let end: () => void = () => undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const send: Listener = (text) => {
          // A reader who does not read is let go instead of being buffered for.
          if ((controller.desiredSize ?? 0) < -64) end();
          else controller.enqueue(encoder.encode(text));
        };
        const beat = setInterval(() => send(": alive\n\n"), SILENCE_MS_MAX);
        let open = true;
        end = () => {
          if (!open) return;
          open = false;
          clearInterval(beat);
          listeners.delete(send);
          if (listeners.size === 0 && watching !== null) {
            clearInterval(watching);
            watching = null;
          }
          try {
            controller.close();
          } catch {
            return; // the reader closed it first
          }
        };
        listeners.add(send);
        watching ??= setInterval(() => void look(), LOOK_EVERY_MS);
        send(`retry: 3000\nevent: hello\ndata: {}\n\n`);
      },
      cancel: () => end(),
    });
    c.req.raw.signal.addEventListener("abort", () => end());
    return new Response(body, {
      headers: {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      },
    });
  });
  return app;
};

/** Looks for what moved since its last look; looks do not overlap, and an ill store is told once as `stale`. */
const watcher = (ports: EventsPorts, tell: (event: string, body: object) => void): (() => Promise<void>) => {
  let seen: { seq: number; sealed: number; news: ReadonlyMap<string, string> } | null = null;
  let ill = false;
  let busy = false;
  const find = async (): Promise<void> => {
    const [state, sealed, news] = await Promise.all([
      ports.ledger.state(),
      ports.ledger.sealed(),
      ports.lists.news(),
    ]);
    const now = {
      seq: state.seq,
      sealed: sealed.seq,
      news: new Map(news.map((one) => [placeOf(one), one.id])),
    };
    // What moved between a listener's reading and the first look is in `now` already: it must hear of it all the same.
    if (seen?.seq !== now.seq || seen.sealed !== now.sealed)
      tell("ledger", { seq: now.seq, sealed: now.sealed, generation: state.generation });
    if (seen !== null)
      for (const one of news)
        if (seen.news.get(placeOf(one)) !== one.id)
          tell(one.kind, {
            id: one.id,
            model: one.model,
            at: new Date(one.atMs).toISOString(),
            text: one.text,
          });
    seen = now;
    if (ill) tell("fresh", {});
    ill = false;
  };
  return async () => {
    if (busy) return;
    busy = true;
    try {
      await find();
    } catch {
      if (!ill) tell("stale", {});
      ill = true;
    } finally {
      busy = false;
    }
  };
};

const placeOf = ({ kind, model }: News): string => `${kind}/${model}`;
