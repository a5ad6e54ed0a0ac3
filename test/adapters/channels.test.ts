// Every channel against a receiver of its own on this machine: what arrives, what is signed, what is never called, what is tried again.
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer as createTcp, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AlertsConfig, type Alert } from "../../contracts/alerts.ts";
import { loadAlerts, openChannels } from "../../src/adapters/channels.ts";
import { createSender } from "../../src/adapters/webhook.ts";

const alert: Alert = {
  id: "f00d",
  model: "flight-delay",
  at: "2026-01-01T00:00:00.000Z",
  alert: "drift",
  severity: "critical",
  detail: "share of <b>drifted</b> features & more",
  value: 0.6,
  threshold: 0.5,
  decision_id: "d1",
  link: "https://flyball.example.com/decisions/d1",
};
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return portOf(server);
};

const got: { path: string; headers: Record<string, unknown>; body: string }[] = [];
const answers: { status: number; headers?: Record<string, string>; body?: string }[] = [];
const http = createHttp((request, response) => {
  let body = "";
  request.on("data", (chunk: Buffer) => (body += chunk.toString()));
  request.on("end", () => {
    got.push({ path: request.url ?? "", headers: request.headers, body });
    const { status, headers = {}, body: said = "" } = answers.shift() ?? { status: 200 };
    response.writeHead(status, headers).end(said);
  });
});
/** Enough of an SMTP server to take one message, or to refuse its sender. */
const mails: string[] = [];
const held = { refuse: "" };
const smtp = createTcp((socket) => {
  let inside = false;
  let text = "";
  socket.write("220 test ESMTP\r\n");
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    if (inside) {
      if (!text.endsWith("\r\n.\r\n")) return;
      mails.push(text);
      [inside, text] = [false, ""];
      socket.write("250 taken\r\n");
      return;
    }
    for (const line of text.split("\r\n").slice(0, -1)) {
      const word = line.split(/[ :]/)[0]?.toUpperCase();
      if (word === "MAIL" && held.refuse !== "") socket.write(`${held.refuse}\r\n`);
      else if (word === "DATA") [inside] = [true, socket.write("354 go on\r\n")];
      else if (word === "QUIT") socket.end("221 bye\r\n");
      else socket.write("250 ok\r\n");
    }
    text = "";
  });
});
let httpPort: number;
let smtpPort: number;
beforeAll(async () => {
  [httpPort, smtpPort] = await Promise.all([listening(http), listening(smtp)]);
});
afterAll(() => {
  http.close();
  http.closeAllConnections();
  smtp.close();
});
afterEach(() => {
  got.length = 0;
  answers.length = 0;
});

const deliver = async (channel: object, by: { allow?: boolean } = {}): Promise<void> => {
  const allow = by.allow === false ? [] : [`127.0.0.1:${httpPort}`, `127.0.0.1:${smtpPort}`];
  const config = AlertsConfig.parse({ allow, channels: { it: channel }, rules: [] });
  const { channels, close } = openChannels(config, { log, wallNow: () => 1_700_000_000_999 });
  try {
    await channels.get("it")?.(alert);
  } finally {
    await close();
  }
};
const webhook = () => ({ type: "webhook", url: `http://127.0.0.1:${httpPort}/hook`, secret: "s3cret" });

describe("a webhook", () => {
  it("gets the alert with an id and a signature it can compute itself", async () => {
    await deliver(webhook());
    const [first] = got;
    expect(JSON.parse(first?.body ?? "")).toEqual(alert);
    const mac = createHmac("sha256", "s3cret")
      .update(`1700000000.${first?.body ?? ""}`)
      .digest("hex");
    expect(first?.headers).toMatchObject({
      "flyball-alert-id": "f00d",
      "idempotency-key": "f00d",
      "flyball-timestamp": "1700000000",
      "flyball-signature": `v1=${mac}`,
      "content-type": "application/json",
    });
  });
  it.each([
    [500, "transient"],
    [503, "transient"],
    [429, "transient"],
    [408, "transient"],
    [400, "poison"],
    [404, "poison"],
    [302, "poison"],
  ])("that answers %i is a %s fault, and no redirect is followed", async (status, kind) => {
    answers.push({ status, headers: { location: `http://127.0.0.1:${httpPort}/elsewhere` } });
    await expect(deliver(webhook())).rejects.toMatchObject({ name: "Fault", kind });
    expect(got.map(({ path: at }) => at)).toEqual(["/hook"]);
  });
  it("that is away is a transient fault; one that answers without end does not fill our memory", async () => {
    await expect(
      deliver({ ...webhook(), url: "http://127.0.0.1:9/" }, { allow: false }),
    ).rejects.toMatchObject({
      kind: "poison",
    });
    const away = createSender(["127.0.0.1:1"]);
    await expect(away.post("http://127.0.0.1:1/", "{}", {})).rejects.toMatchObject({ kind: "transient" });
    await away.close();
    answers.push({ status: 200, body: "x".repeat(5_000_000) });
    await deliver(webhook());
    expect(got).toHaveLength(1);
  });
});

describe("an address inside our network", () => {
  it.each([
    "http://example.com/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://169.254.169.254/latest/meta-data",
    "https://10.0.0.1:8443/",
    "https://example.com:22/",
    "ftp://example.com/",
    "https://localhost/",
    "nonsense",
  ])("%s is never called", async (url) => {
    const sender = createSender([]);
    await expect(sender.post(url, "{}", {})).rejects.toMatchObject({ name: "Fault", kind: "poison" });
    await sender.close();
  });
});

describe("Slack", () => {
  it("gets text whose markup is ours alone", async () => {
    await deliver({ type: "slack", url: `http://127.0.0.1:${httpPort}/slack` });
    const { text } = JSON.parse(got[0]?.body ?? "{}") as { text: string };
    expect(text).toContain("[flyball critical] flight-delay: drift");
    expect(text).toContain("share of &lt;b&gt;drifted&lt;/b&gt; features &amp; more");
    expect(text).toContain("value: 0.6\nthreshold: 0.5");
    expect(text).toContain(alert.link);
  });
});

describe("PagerDuty", () => {
  it("gets an Events v2 trigger whose dedup_key is the alert's id", async () => {
    await deliver({ type: "pagerduty", routing_key: "R", url: `http://127.0.0.1:${httpPort}/v2/enqueue` });
    expect(JSON.parse(got[0]?.body ?? "{}")).toMatchObject({
      routing_key: "R",
      event_action: "trigger",
      dedup_key: "f00d",
      payload: {
        severity: "critical",
        source: "flight-delay",
        custom_details: { value: 0.6, threshold: 0.5 },
      },
      links: [{ href: alert.link }],
    });
  });
});

describe("e-mail", () => {
  const channel = () => ({
    type: "email",
    server: `smtp://127.0.0.1:${smtpPort}`,
    from: "flyball@example.com",
    to: ["on-call@example.com", "lead@example.com"],
  });
  it("carries value, threshold and link under the alert's own message id", async () => {
    await deliver(channel());
    const [mail = ""] = mails;
    expect(mail).toContain("Subject: [flyball critical] flight-delay: drift");
    expect(mail).toContain("Message-ID: <f00d@flyball>");
    expect(mail).toContain("To: on-call@example.com, lead@example.com");
    expect(mail.replaceAll("=\r\n", "")).toContain("threshold: 0.5");
    expect(mail.replaceAll("=\r\n", "")).toContain("https://flyball.example.com/decisions/d1");
  });
  it("is not sent in the clear to a server that was not allowed", async () => {
    await expect(deliver(channel(), { allow: false })).rejects.toMatchObject({ name: "Fault" });
    expect(mails).toHaveLength(1);
  });
  it.each([
    ["550 no such user", "poison"],
    ["451 later", "transient"],
  ])("refused with %s is a %s fault", async (reply, kind) => {
    held.refuse = reply;
    await expect(deliver(channel())).rejects.toMatchObject({ name: "Fault", kind });
    held.refuse = "";
  });
});

describe("config/alerts.yaml", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "flyball-alerts-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const load = (text: string, env: NodeJS.ProcessEnv = {}) => {
    writeFileSync(path.join(folder, "alerts.yaml"), text);
    return loadAlerts(folder, env);
  };
  it("of this repository is what a deployment starts with", () => {
    const { channels, rules } = loadAlerts(path.join(import.meta.dirname, "../../config"), {});
    expect(Object.keys(channels)).toEqual(["log"]);
    expect(rules).toMatchObject([{ channels: ["log"], alert: "*" }]);
    expect(load("").rules).toEqual(rules);
  });
  it("takes secrets from the environment and says which one is missing", () => {
    const text = 'channels: { p: { type: pagerduty, routing_key: "env:KEY" } }\nrules: [{ channels: [p] }]';
    expect(load(text, { KEY: "r" }).channels["p"]).toMatchObject({ routing_key: "r" });
    expect(() => load(text)).toThrow("KEY is not set");
  });
  it.each([
    ["rules: [{ channels: [lgo] }]", /names channel lgo.*did you mean log/],
    ["rules: [{ chanels: [log] }]", /rules\.0/],
    ["channels: { x: { type: pigeon } }", /channels\.x/],
    ["rules: [{ channels: [log], cooldown: soon }]", /rules\.0\.cooldown/],
  ])("%s is refused", (text, reason) => expect(() => load(text)).toThrow(reason));
});
