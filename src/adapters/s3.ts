// Adapter: an S3-compatible store, as much of it as the registry needs: put an object that is not there yet, get, list. Every request
// is signed; what may succeed later is tried again a few times. It never overwrites and never deletes.
import { setTimeout as pause } from "node:timers/promises";
import { request } from "undici";
import { Fault } from "../core/fault.ts";
import { encodedPath, encodedQuery, signedHeaders, type S3Credentials } from "./s3-signature.ts";

export interface S3Place {
  /** Such as https://s3.eu-central-1.amazonaws.com or http://127.0.0.1:9000. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
}

export interface S3Client {
  /** Puts an object unless there is one; false where there was (If-None-Match: *). */
  putNew(key: string, bytes: Uint8Array): Promise<boolean>;
  /** Null where there is no such object. */
  get(key: string): Promise<Uint8Array | null>;
  /** All keys that begin so. */
  keys(prefix: string): Promise<string[]>;
}

const ATTEMPTS = 4;
const TIMEOUT_MS = 60_000;
/** Statuses after which the same request may succeed: a conflict of two conditional puts, throttling, illness. */
const AGAIN = new Set([409, 429, 500, 502, 503, 504]);

/** Opens a bucket. */
export const createS3 = (
  place: S3Place,
  by: {
    readonly credentials: S3Credentials;
    /** The wall clock: a signature holds for minutes. */
    readonly now: () => number;
    /** First pause before another attempt; doubles. */
    readonly pauseMs?: number;
  },
): S3Client => {
  const { protocol, host, pathname } = new URL(place.endpoint);
  const base = `${pathname.replace(/\/$/, "")}/${place.bucket}`;

  /** One object or list request; gives the last answer, and whether an attempt before it may have had an effect. */
  const ask = async (
    method: "GET" | "PUT",
    at: { readonly key: string; readonly query?: Readonly<Record<string, string>> },
    send: { readonly headers?: Readonly<Record<string, string>>; readonly body?: Uint8Array } = {},
  ): Promise<Answer & { unsure: boolean }> => {
    const path = encodedPath(`${base}${at.key === "" ? "" : `/${at.key}`}`);
    const query = encodedQuery(at.query ?? {});
    const body = send.body ?? null;
    for (let attempt = 1, unsure = false, waitMs = by.pauseMs ?? 200; ; attempt++, waitMs *= 2) {
      const headers = signedHeaders(
        { method, host, path, query, headers: send.headers ?? {}, body },
        { credentials: by.credentials, region: place.region, nowMs: by.now() },
      );
      const url = `${protocol}//${host}${path}${query === "" ? "" : `?${query}`}`;
      const answer = await once(url, { method, headers, body });
      if (!("failed" in answer) && !AGAIN.has(answer.status)) return { ...answer, unsure };
      if (attempt === ATTEMPTS)
        throw "failed" in answer
          ? new Fault("transient", `${place.endpoint} does not answer: ${answer.failed}`)
          : refused(place, at.key, answer);
      unsure ||= "failed" in answer || answer.status >= 500;
      await pause(waitMs);
    }
  };

  const get = async (key: string): Promise<Uint8Array | null> => {
    const answer = await ask("GET", { key });
    if (answer.status === 200) return answer.body;
    if (answer.status === 404 && codeOf(answer) !== "NoSuchBucket") return null;
    throw refused(place, key, answer);
  };

  return {
    get,
    putNew: async (key, bytes) => {
      const headers = { "if-none-match": "*", "content-type": "application/octet-stream" };
      const answer = await ask("PUT", { key }, { headers, body: bytes });
      if (answer.status === 200) return true;
      if (answer.status !== 412) throw refused(place, key, answer);
      // An attempt whose answer was lost may have put it: then it is ours.
      return answer.unsure && Buffer.from(bytes).equals((await get(key)) ?? Buffer.alloc(0));
    },
    keys: async (prefix) => {
      const found: string[] = [];
      for (let token = ""; ;) {
        const query = {
          "list-type": "2",
          prefix,
          ...(token === "" ? {} : { "continuation-token": token }),
        };
        const answer = await ask("GET", { key: "", query });
        if (answer.status !== 200) throw refused(place, prefix, answer);
        const text = Buffer.from(answer.body).toString("utf8");
        found.push(...valuesOf(text, "Key"));
        const [next = ""] = valuesOf(text, "NextContinuationToken");
        if (next === "") return found;
        token = next;
      }
    },
  };
};

interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
}

const once = async (
  url: string,
  by: { method: "GET" | "PUT"; headers: Record<string, string>; body: Uint8Array | null },
): Promise<Answer | { failed: string }> => {
  try {
    const answer = await request(url, { ...by, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
    return { status: answer.statusCode, body: await answer.body.bytes() };
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
};

/** A refusal in the store's own words; illness is transient, everything else asks for an operator. */
const refused = (place: S3Place, key: string, answer: Answer): Fault => {
  const code = codeOf(answer);
  const transient = AGAIN.has(answer.status) || code === "RequestTimeTooSkewed";
  return new Fault(
    transient ? "transient" : "poison",
    `s3 ${place.bucket}/${key}: ${answer.status}${code === "" ? "" : ` ${code}`}`,
  );
};

const codeOf = ({ body }: Answer): string => valuesOf(Buffer.from(body).toString("utf8"), "Code")[0] ?? "";

/** The texts of an element, in order. The listing is flat XML of a known shape, and our keys need none of its escapes but these. */
const valuesOf = (xml: string, element: string): string[] =>
  [...xml.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, "g"))].map(([, text = ""]) =>
    text
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&quot;", '"')
      .replaceAll("&apos;", "'")
      .replaceAll("&amp;", "&"),
  );
