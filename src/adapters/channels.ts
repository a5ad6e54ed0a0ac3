// Adapter: config/alerts.yaml and the channels it names. Each turns an alert into what its receiver understands and either delivers it or
// throws a Fault that says whether to try again. The alert's id goes along everywhere a receiver can tell a repetition by it.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { AlertsConfig, type Alert, type ChannelConfig } from "../../contracts/alerts.ts";
import { nearestWord } from "../core/nearest.ts";
import type { DeliversAlerts, Log } from "../ports.ts";
import { ConfigError } from "./config.ts";
import { createMailer } from "./mailer.ts";
import { createSender, signatureOf, type Sender } from "./webhook.ts";

/** Reads config/alerts.yaml; every mistake names its key. Without the file alerts go to the log. */
export const loadAlerts = (configDir: string, env: NodeJS.ProcessEnv): AlertsConfig => {
  const file = path.join(configDir, "alerts.yaml");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const content: unknown = withSecrets(parse(text) ?? {}, env);
  const parsed = AlertsConfig.safeParse(content);
  if (!parsed.success)
    throw new ConfigError(
      parsed.error.issues
        .map((issue) => `alerts.yaml: ${issue.path.join(".") || "(top)"}: ${issue.message}`)
        .join("\n"),
    );
  const names = Object.keys(parsed.data.channels);
  for (const channel of parsed.data.rules.flatMap((rule) => rule.channels))
    if (!names.includes(channel)) {
      const near = nearestWord(channel, names);
      throw new ConfigError(
        `alerts.yaml: a rule names channel ${channel}, which is not configured${near === null ? "" : `; did you mean ${near}?`}`,
      );
    }
  return parsed.data;
};

/** `env:NAME` anywhere in the file becomes what the environment says. */
const withSecrets = (value: unknown, env: NodeJS.ProcessEnv): unknown => {
  if (typeof value === "string" && value.startsWith("env:")) {
    const found = env[value.slice(4)];
    if (found === undefined || found === "")
      throw new ConfigError(`alerts.yaml: ${value.slice(4)} is not set`);
    return found;
  }
  if (Array.isArray(value)) return value.map((one) => withSecrets(one, env));
  if (value !== null && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withSecrets(one, env)]));
  return value;
};

/** Opens every configured channel. */
export const openChannels = (
  config: AlertsConfig,
  deps: { readonly log: Log; readonly wallNow: () => number },
): { readonly channels: ReadonlyMap<string, DeliversAlerts>; close(): Promise<void> } => {
  const sender = createSender(config.allow);
  const closers: (() => void)[] = [];
  const make = (channel: ChannelConfig): DeliversAlerts => {
    switch (channel.type) {
      case "log":
        return async (alert) => {
          const { alert: name, severity, model, value, threshold, link } = alert;
          deps.log.warn({ alert: name, severity, model, value, threshold, link }, alert.detail);
        };
      case "webhook":
        return (alert) => signed(sender, channel, alert, deps.wallNow());
      case "slack":
        return (alert) => sender.post(channel.url, JSON.stringify({ text: slackText(alert) }), {});
      case "pagerduty":
        return (alert) =>
          sender.post(channel.url, JSON.stringify(pagerEvent(alert, channel.routing_key)), {});
      case "email": {
        const mailer = createMailer(channel, config.allow);
        closers.push(() => mailer.close());
        return (alert) =>
          mailer.send({ id: alert.id, subject: subjectOf(alert), text: lines(alert).join("\n") });
      }
    }
  };
  return {
    channels: new Map(Object.entries(config.channels).map(([name, channel]) => [name, make(channel)])),
    close: async () => {
      for (const close of closers) close();
      await sender.close();
    },
  };
};

const signed = (
  sender: Sender,
  to: { readonly url: string; readonly secret: string },
  alert: Alert,
  atMs: number,
): Promise<void> => {
  const body = JSON.stringify(alert);
  const headers = { "flyball-alert-id": alert.id, "idempotency-key": alert.id };
  return sender.post(to.url, body, { ...headers, ...signatureOf(body, { secret: to.secret, atMs }) });
};

const subjectOf = ({ severity, model, alert }: Alert): string =>
  `[flyball ${severity}] ${model === "" ? "" : `${model}: `}${alert}`.replaceAll(/[\r\n]/g, " ");

const lines = (alert: Alert): readonly string[] => [
  alert.detail,
  ...(alert.value === null ? [] : [`value: ${alert.value}`]),
  ...(alert.threshold === null ? [] : [`threshold: ${alert.threshold}`]),
  `at: ${alert.at}`,
  alert.link,
];

/** Slack reads &, < and > as markup. */
const slackText = (alert: Alert): string => {
  const escape = (text: string): string =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return escape([subjectOf(alert), ...lines(alert)].join("\n"));
};

/** Events API v2; its dedup_key makes a repetition the same incident. Their summary ends at 1,024 characters. */
const pagerEvent = (alert: Alert, routingKey: string): object => ({
  routing_key: routingKey,
  event_action: "trigger",
  dedup_key: alert.id,
  client: "flyball",
  payload: {
    summary: `${subjectOf(alert)}: ${alert.detail}`.slice(0, 1_024),
    severity: alert.severity,
    source: alert.model === "" ? "flyball" : alert.model,
    component: alert.alert,
    timestamp: alert.at,
    custom_details: {
      value: alert.value,
      threshold: alert.threshold,
      decision_id: alert.decision_id,
      link: alert.link,
    },
  },
  ...(/^https?:/.test(alert.link) ? { links: [{ href: alert.link, text: "The decision" }] } : {}),
});
