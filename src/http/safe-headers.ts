// Stage room: the headers that every answer carries, so that a browser neither guesses, frames, caches nor runs what we send. A route that
// needs more room (the dashboard, the job board) sets its own and keeps it.

const ANSWER: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "cache-control": "no-store",
};
/** Our own pages without scripts: their style stands in them. */
const PAGE =
  "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";
const ALWAYS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};
const TLS = "max-age=31536000; includeSubDomains";

/** Adds them to an answer. */
export const makeSafe = (headers: Headers, publicUrl: string | null): void => {
  for (const [name, value] of Object.entries(ALWAYS)) headers.set(name, value);
  const page = headers.get("content-type")?.startsWith("text/html") === true;
  for (const [name, value] of Object.entries(ANSWER))
    if (!headers.has(name)) headers.set(name, name === "content-security-policy" && page ? PAGE : value);
  if (publicUrl?.startsWith("https:") === true) headers.set("strict-transport-security", TLS);
};
