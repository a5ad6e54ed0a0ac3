// Words: alerts and how they reach people (config/alerts.yaml). A value written `env:NAME` is read from the environment, so that no secret
// stands in a file. What is delivered is src/core/alert-routing.ts's to say; how, src/adapters/channels.ts's.
import { z } from "zod";
import { Duration } from "./config.ts";

export const Severity = z.enum(["info", "warning", "critical"]);
export type Severity = z.infer<typeof Severity>;

/** One alert as every channel gets it. The id is a hash of what it is about: the same alert again has the same id. */
export const Alert = z.strictObject({
  id: z.string(),
  /** Empty: about the deployment. */
  model: z.string(),
  at: z.string(),
  alert: z.string(),
  severity: Severity,
  detail: z.string(),
  value: z.number().nullable(),
  threshold: z.number().nullable(),
  /** Empty: no decision carries it. */
  decision_id: z.string(),
  link: z.string(),
});
export type Alert = z.infer<typeof Alert>;

const Secret = z.string().min(1);

export const ChannelConfig = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("log") }),
  z.strictObject({
    type: z.literal("webhook"),
    url: z.string(),
    /** Signs time and body; the receiver computes the same (docs/operations.md). */
    secret: Secret,
  }),
  z.strictObject({ type: z.literal("slack"), url: z.string() }),
  z.strictObject({
    type: z.literal("pagerduty"),
    routing_key: Secret,
    url: z.string().default("https://events.pagerduty.com/v2/enqueue"),
  }),
  z.strictObject({
    type: z.literal("email"),
    /** smtp://user:password@host:587 (STARTTLS demanded) or smtps://… */
    server: Secret,
    from: z.string(),
    to: z.array(z.string()).min(1),
  }),
]);
export type ChannelConfig = z.infer<typeof ChannelConfig>;

export const AlertRule = z.strictObject({
  severity: z.array(Severity).min(1).default(["info", "warning", "critical"]),
  /** `*` stands for any text. */
  model: z.string().default("*"),
  alert: z.string().default("*"),
  channels: z.array(z.string()).min(1),
  /** How long the same alert of the same model is not sent again over these channels, in the alerts' own time. */
  cooldown: Duration.default("0m"),
});
export type AlertRule = z.infer<typeof AlertRule>;

export const AlertsConfig = z.strictObject({
  /** `host:port` of receivers inside our own network, or without TLS: only these are called there. */
  allow: z.array(z.string().regex(/^\S+:\d{1,5}$/, "host:port")).default([]),
  channels: z.record(z.string().regex(/^[\w-]{1,40}$/), ChannelConfig).default({ log: { type: "log" } }),
  rules: z.array(AlertRule).default([
    {
      severity: ["info", "warning", "critical"],
      model: "*",
      alert: "*",
      channels: ["log"],
      cooldown: "0m",
    },
  ]),
  /** How long a channel that cannot be reached is tried before it is given up, counted and told in the log. */
  give_up: Duration.default("24h"),
});
export type AlertsConfig = z.infer<typeof AlertsConfig>;
