// Plumbing: AWS Signature Version 4 for S3 requests whose whole body is known and signed. It reads no clock and sends nothing; the
// bytes it signs are the bytes that go over the wire, so paths and queries are encoded here and nowhere else.
import { createHash, createHmac } from "node:crypto";

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials; null where they are permanent. */
  readonly sessionToken: string | null;
}

/** A request as it is signed; `path` and `query` are encoded already (`encodedPath`, `encodedQuery`). */
export interface S3Request {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  /** Lower-case names; all of them are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
}

/** Gives all headers of the request, signed as of an instant. */
export const signedHeaders = (
  request: S3Request,
  by: { readonly credentials: S3Credentials; readonly region: string; readonly nowMs: number },
): Record<string, string> => {
  const { accessKeyId, secretAccessKey, sessionToken } = by.credentials;
  const at = new Date(by.nowMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = at.slice(0, 8);
  const bodyDigest = sha256(request.body ?? "");
  const headers: Record<string, string> = {
    ...request.headers,
    host: request.host,
    "x-amz-content-sha256": bodyDigest,
    "x-amz-date": at,
    ...(sessionToken === null ? {} : { "x-amz-security-token": sessionToken }),
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    request.method,
    request.path,
    request.query,
    ...names.map((name) => `${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    names.join(";"),
    bodyDigest,
  ].join("\n");
  const scope = `${day}/${by.region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", at, scope, sha256(canonical)].join("\n");
  const key = [day, by.region, "s3", "aws4_request"].reduce<Buffer | string>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, toSign).toString("hex");
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope},SignedHeaders=${names.join(";")},Signature=${signature}`,
  };
};

/** A path whose segments are encoded once, as S3 (unlike other services) wants it. */
export const encodedPath = (path: string): string => path.split("/").map(encoded).join("/");

/** A query sorted by its encoded names. */
export const encodedQuery = (pairs: Readonly<Record<string, string>>): string =>
  Object.entries(pairs)
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join("&");

/** RFC 3986: everything but letters, digits and -._~ */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

const hmac = (key: Buffer | string, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const sha256 = (content: Uint8Array | string): string => createHash("sha256").update(content).digest("hex");
