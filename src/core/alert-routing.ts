// Core: which channels an alert takes, when it is repeated too soon, and when a channel that failed is tried again. Pure; the outbox it
// works on is a value that the notify stage keeps.
import { z } from "zod";
import { Alert, type AlertRule } from "../../contracts/alerts.ts";
import { durationMs } from "./duration.ts";

const Way = z.strictObject({
  /** How it ended, once it has. */
  outcome: z.string().nullable(),
  attempts: z.int(),
  /** Wall time of the next attempt. */
  nextMs: z.number(),
});
export const Pending = z.strictObject({ alert: Alert, sinceMs: z.number(), ways: z.record(z.string(), Way) });
export type Pending = z.infer<typeof Pending>;

/** Alerts on their way. `sent`: when an alert of a name, model and channel was let through last, in its own time. */
export const Outbox = z.strictObject({
  pending: z.array(Pending),
  sent: z.record(z.string(), z.number()),
});
export type Outbox = z.infer<typeof Outbox>;

export const EMPTY_OUTBOX: Outbox = { pending: [], sent: {} };

/** Puts a new alert on its way over every channel its rules name; one that is already there stays as it is. */
export const enter = (
  outbox: Outbox,
  alert: Alert,
  by: { rules: readonly AlertRule[]; nowMs: number },
): Outbox => {
  if (outbox.pending.some((pending) => pending.alert.id === alert.id)) return outbox;
  const atMs = Date.parse(alert.at);
  const sent = { ...outbox.sent };
  const ways: Pending["ways"] = {};
  for (const [channel, cooldownMs] of channelsOf(alert, by.rules)) {
    const key = `${channel} ${alert.model} ${alert.alert}`;
    const last = sent[key];
    const early = last !== undefined && atMs - last < cooldownMs;
    if (!early) sent[key] = Math.max(atMs, last ?? atMs);
    ways[channel] = { outcome: early ? "suppressed: cooldown" : null, attempts: 0, nextMs: by.nowMs };
  }
  return { sent, pending: [...outbox.pending, { alert, sinceMs: by.nowMs, ways }] };
};

/** Each channel of the fitting rules, with the shortest of their cooldowns. */
export const channelsOf = (alert: Alert, rules: readonly AlertRule[]): ReadonlyMap<string, number> => {
  const channels = new Map<string, number>();
  for (const rule of rules) {
    if (!rule.severity.includes(alert.severity)) continue;
    if (!fits(rule.model, alert.model) || !fits(rule.alert, alert.alert)) continue;
    for (const channel of rule.channels)
      channels.set(channel, Math.min(channels.get(channel) ?? Infinity, durationMs(rule.cooldown)));
  }
  return channels;
};

/** What became of one attempt. */
export type Attempt =
  { readonly ok: true } | { readonly ok: false; readonly final: boolean; readonly detail: string };

const FIRST_MS = 5_000;
const MOST_MS = 15 * 60_000;

/** Notes an attempt. A failure that may pass is tried again, later and later, until the alert is older than `giveUpMs`. */
export const noted = (
  pending: Pending,
  by: { channel: string; attempt: Attempt; nowMs: number; giveUpMs: number },
): Pending => {
  const before = pending.ways[by.channel];
  const attempts = (before?.attempts ?? 0) + 1;
  const way = (outcome: string | null, nextMs: number): Pending => ({
    ...pending,
    ways: { ...pending.ways, [by.channel]: { outcome, attempts, nextMs } },
  });
  if (by.attempt.ok) return way("delivered", by.nowMs);
  const { final, detail } = by.attempt;
  if (final || by.nowMs - pending.sinceMs >= by.giveUpMs) return way(`failed: ${detail}`, by.nowMs);
  return way(null, by.nowMs + Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempts - 1, 20)));
};

/** Channels that are to be tried now. */
export const dueWays = ({ ways }: Pending, nowMs: number): readonly string[] =>
  Object.entries(ways)
    .filter(([, { outcome, nextMs }]) => outcome === null && nextMs <= nowMs)
    .map(([channel]) => channel);

/** What became of every channel; null while one is still on its way. */
export const outcomesOf = ({ ways }: Pending): Readonly<Record<string, string>> | null => {
  const outcomes = Object.entries(ways).map(([channel, { outcome }]) => [channel, outcome] as const);
  const ended = outcomes.flatMap(([channel, outcome]) =>
    outcome === null ? [] : [[channel, outcome] as const],
  );
  return ended.length === outcomes.length ? Object.fromEntries(ended) : null;
};

/** A pattern whose `*` stands for any text; without backtracking, whatever an operator writes. */
const fits = (pattern: string, text: string): boolean => {
  const [first = "", ...parts] = pattern.split("*");
  if (parts.length === 0) return text === pattern;
  const last = parts.pop() ?? "";
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false;
  let at = first.length;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
};
