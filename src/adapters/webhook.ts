// Adapter: posts to addresses that an operator configured, and to nothing inside our network that was not allowed by host and port. The check
// is made on the address the connection goes to, so a name that points elsewhere the second time gains nothing. It follows no
// redirect, reads little of the answer and repeats none of it.
import { createHmac } from "node:crypto";
import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { Agent, request } from "undici";
import { isPublicAddress } from "../core/address.ts";
import { Fault } from "../core/fault.ts";

const TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 16_384;
const PORTS = new Set(["443", "8443"]);
/** Answers that the same call may not get again. */
const TRANSIENT_STATUS = new Set([408, 425, 429]);

export interface Sender {
  /** Resolves on 2xx; a Fault says whether the same again may help. */
  post(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<void>;
  close(): Promise<void>;
}

/** Makes a sender; `allow` lists `host:port` that may be private or without TLS. */
export const createSender = (allow: readonly string[]): Sender => {
  const connect = { timeout: TIMEOUT_MS };
  const open = new Agent({ connect: { ...connect, lookup: publicLookup }, ...BOUNDS });
  const inner = new Agent({ connect, ...BOUNDS });
  return {
    post: async (text, body, headers) => {
      const url = checkedUrl(text, allow);
      const allowed = allow.includes(placeOf(url));
      await send(url, { body, headers, dispatcher: allowed ? inner : open });
    },
    close: async () => {
      await Promise.all([open.close(), inner.close()]);
    },
  };
};

const BOUNDS = { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS, maxResponseSize: ANSWER_BYTES_MAX };

const send = async (
  url: URL,
  by: { body: string; headers: Readonly<Record<string, string>>; dispatcher: Agent },
): Promise<void> => {
  let status: number;
  try {
    const answer = await request(url, {
      method: "POST",
      body: by.body,
      headers: { "content-type": "application/json", "user-agent": "flyball", ...by.headers },
      dispatcher: by.dispatcher,
      signal: AbortSignal.timeout(2 * TIMEOUT_MS),
    });
    status = answer.statusCode;
    // What it says is not for us, and too much of it would be an attack: the status alone counts.
    await answer.body.dump({ limit: ANSWER_BYTES_MAX }).catch(() => undefined);
  } catch (cause) {
    if (cause instanceof Error && cause.message === NOT_PUBLIC) throw new Fault("poison", NOT_PUBLIC);
    throw new Fault("transient", `${placeOf(url)} cannot be reached`, { cause });
  }
  if (status >= 200 && status < 300) return;
  const kind = status >= 500 || TRANSIENT_STATUS.has(status) ? "transient" : "poison";
  throw new Fault(kind, `${placeOf(url)} answered ${status}`, { code: String(status) });
};

/** The URL, if it may be called at all; a literal address never passes a lookup, so it is judged here. */
const checkedUrl = (text: string, allow: readonly string[]): URL => {
  if (!URL.canParse(text)) throw new Fault("poison", "the channel's URL is none");
  const url = new URL(text);
  if (allow.includes(placeOf(url))) return url;
  if (url.protocol !== "https:")
    throw new Fault("poison", `${placeOf(url)} is called over https or not at all`);
  if (!PORTS.has(portOf(url)))
    throw new Fault("poison", `port ${portOf(url)} is not one of ${[...PORTS].join(", ")}`);
  const literal = /^[\d.]+$|^\[/.test(url.hostname);
  if (literal && !isPublicAddress(url.hostname)) throw new Fault("poison", NOT_PUBLIC);
  return url;
};

const NOT_PUBLIC =
  "the channel's address is not public; name it under `allow` in config/alerts.yaml if it is meant";

const portOf = (url: URL): string =>
  url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
const placeOf = (url: URL): string => `${url.hostname}:${portOf(url)}`;

/** Looks a name up and refuses it when any of its addresses is not public: a mixed answer is an attack or a mistake. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, "", 0);
    const [first] = addresses;
    if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address)))
      return callback(new Error(NOT_PUBLIC), "", 0);
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

/** Headers by which a receiver knows that we sent this body, and when. */
export const signatureOf = (body: string, by: { secret: string; atMs: number }): Record<string, string> => {
  const timestamp = String(Math.floor(by.atMs / 1_000));
  const mac = createHmac("sha256", by.secret).update(`${timestamp}.${body}`).digest("hex");
  return { "flyball-timestamp": timestamp, "flyball-signature": `v1=${mac}` };
};
