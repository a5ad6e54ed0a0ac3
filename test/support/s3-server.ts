// A small S3-compatible store for tests, over HTTP and in memory: one bucket, signed requests only (it verifies them by its own reading
// of Signature Version 4), conditional puts, paged listings. It can be told to fail as networks and stores do.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const KEYS = { accessKeyId: "AKTEST", secretAccessKey: "secret/of+tests", sessionToken: null };
export const BUCKET = "models";
const REGION = "eu-test-1";
const PAGE = 3;

/** What becomes of a request: `lost` is carried out, but nobody hears of it. */
export type Weather = "fine" | "lost" | "throttled" | "ill";

export interface S3Server {
  readonly place: { endpoint: string; bucket: string; region: string };
  readonly objects: Map<string, Buffer>;
  /** Asked before each request; absent: fine. */
  weather: (request: { method: string; key: string }) => Weather;
  /** A store of the older kind, which takes no notice of If-None-Match. */
  conditional: boolean;
  requests(): number;
  close(): Promise<void>;
}

export const startS3 = async (): Promise<S3Server> => {
  let requests = 0;
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests++;
    const body = await bytesOf(request);
    const url = new URL(request.url ?? "/", "http://x");
    const key = decodeURIComponent(url.pathname).slice(BUCKET.length + 2);
    const method = request.method ?? "";
    const weather = store.weather({ method, key });
    if (weather === "throttled") return refuse(response, 503, "SlowDown");
    if (weather === "ill") return refuse(response, 500, "InternalError");
    const wrong = whyUnsigned(request, body);
    if (wrong !== null) return refuse(response, 403, wrong);
    if (!decodeURIComponent(url.pathname).startsWith(`/${BUCKET}`))
      return refuse(response, 404, "NoSuchBucket");
    if (weather === "lost") {
      carryOut(method, key, request, url, body);
      response.destroy();
      return;
    }
    const { status, content } = carryOut(method, key, request, url, body);
    response.writeHead(status, { "content-length": content.length }).end(content);
  };
  const carryOut = (method: string, key: string, request: IncomingMessage, url: URL, body: Buffer) => {
    if (method === "PUT") {
      if (store.conditional && request.headers["if-none-match"] === "*" && store.objects.has(key))
        return { status: 412, content: problem("PreconditionFailed") };
      store.objects.set(key, body);
      return { status: 200, content: Buffer.alloc(0) };
    }
    if (key === "") return { status: 200, content: listing(url) };
    const found = store.objects.get(key);
    return found === undefined
      ? { status: 404, content: problem("NoSuchKey") }
      : { status: 200, content: found };
  };
  const listing = (url: URL): Buffer => {
    const prefix = url.searchParams.get("prefix") ?? "";
    const after = url.searchParams.get("continuation-token") ?? "";
    const keys = [...store.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const rest = keys.filter((key) => key > after);
    const page = rest.slice(0, PAGE);
    const more =
      rest.length > PAGE ? `<NextContinuationToken>${page.at(-1) ?? ""}</NextContinuationToken>` : "";
    const contents = page.map((key) => `<Contents><Key>${key}</Key></Contents>`).join("");
    return Buffer.from(`<?xml version="1.0"?><ListBucketResult>${more}${contents}</ListBucketResult>`);
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const store: S3Server = {
    place: { endpoint: `http://127.0.0.1:${port}`, bucket: BUCKET, region: REGION },
    objects: new Map(),
    weather: () => "fine",
    conditional: true,
    requests: () => requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return store;
};

/** Checks the signature step by step as the service's manual tells a server to; null where it holds. */
const whyUnsigned = (request: IncomingMessage, body: Buffer): string | null => {
  const header = (name: string): string => String(request.headers[name] ?? "");
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      header("authorization"),
    );
  if (parts === null) return "AccessDenied";
  const [, id = "", day = "", region = "", signed = "", signature = ""] = parts;
  if (id !== KEYS.accessKeyId) return "InvalidAccessKeyId";
  if (region !== REGION) return "AuthorizationHeaderMalformed";
  const digest = createHash("sha256").update(body).digest("hex");
  if (header("x-amz-content-sha256") !== digest) return "XAmzContentSHA256Mismatch";
  if (!signed.split(";").includes("host") || !header("x-amz-date").startsWith(day)) return "AccessDenied";
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const canonical =
    `${request.method ?? ""}\n${path}\n${query.split("&").sort().join("&")}\n` +
    signed
      .split(";")
      .map((name) => `${name}:${header(name).trim()}\n`)
      .join("") +
    `\n${signed}\n${digest}`;
  const hash = createHash("sha256").update(canonical).digest("hex");
  const text = `AWS4-HMAC-SHA256\n${header("x-amz-date")}\n${day}/${region}/s3/aws4_request\n${hash}`;
  let key: Buffer = Buffer.from(`AWS4${KEYS.secretAccessKey}`);
  for (const part of [day, region, "s3", "aws4_request"])
    key = createHmac("sha256", key).update(part).digest();
  const expected = createHmac("sha256", key).update(text).digest();
  return timingSafeEqual(expected, Buffer.from(signature, "hex")) ? null : "SignatureDoesNotMatch";
};

const bytesOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
};
const problem = (code: string): Buffer => Buffer.from(`<Error><Code>${code}</Code></Error>`);
const refuse = (response: ServerResponse, status: number, code: string): void => {
  response.writeHead(status).end(problem(code));
};
