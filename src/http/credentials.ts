// Stage room: what a request says about who sends it: a key in its header, or a session in a cookie. A browser sends a cookie whichever page
// asks for it, so what a cookie vouches for must come from our own page, by Fetch Metadata or by Origin.
import type { Context } from "hono";
import { isJsonType } from "./body.ts";

export interface Credentials {
  /** As the guard takes it. */
  readonly authorization: string | undefined;
  /** True where the browser added it by itself. */
  readonly ambient: boolean;
}

/** Under https the cookie's name itself forbids other hosts and plain http to set it. */
export const cookieName = (publicUrl: string | null): string =>
  publicUrl?.startsWith("https:") === true ? "__Host-flyball" : "flyball";

/** The header wins; a cookie of the wrong name is none. */
export const credentialsOf = (c: Context, publicUrl: string | null): Credentials => {
  const authorization = c.req.header("authorization");
  if (authorization !== undefined) return { authorization, ambient: false };
  const token = cookieOf(c.req.header("cookie"), cookieName(publicUrl));
  return token === null
    ? { authorization: undefined, ambient: false }
    : { authorization: `Session ${token}`, ambient: true };
};

const cookieOf = (header: string | undefined, name: string): string | null => {
  for (const part of (header ?? "").split(";")) {
    const [key, value] = part.trim().split("=");
    if (key === name && value !== undefined && value !== "") return value;
  }
  return null;
};

/** Why a state-changing request with ambient rights is not ours to carry out; null where it is. */
export const forgeryOf = (c: Context, publicUrl: string | null): string | null => {
  if (isForeign(c, publicUrl)) return "Another site's page may not do this.";
  // A form cannot send this type, so a browser asks us first, and we never allow it.
  const bodyless = c.req.method === "DELETE";
  return bodyless || isJsonType(c.req.header("content-type")) ? null : "Send content-type: application/json.";
};

const isForeign = (c: Context, publicUrl: string | null): boolean => {
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  const origin = c.req.header("origin");
  if (origin === undefined) return false;
  if (publicUrl !== null && URL.canParse(origin) && new URL(publicUrl).origin === new URL(origin).origin)
    return false;
  return URL.canParse(origin) ? new URL(origin).host !== c.req.header("host") : true;
};

/** Without keys, being here is all the right there is: a page whose name was pointed at this machine must not have it. */
export const isStrangeHost = (host: string | undefined): boolean => {
  if (host === undefined) return false;
  if (!URL.canParse(`http://${host}`)) return true;
  const { hostname } = new URL(`http://${host}`);
  return !(hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname));
};
