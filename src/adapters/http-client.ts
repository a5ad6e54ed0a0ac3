// Adapter: a client of our own api for commands that drive it. Keeps one connection a request in flight: a POST is never sent behind another that may fail.
import { Pool } from "undici";

export interface HttpClient {
  post(path: string, body: string): Promise<{ status: number; body: string }>;
  get(path: string): Promise<{ status: number; body: string }>;
  close(): Promise<void>;
}

export const createHttpClient = (origin: string, headers: Record<string, string> = {}): HttpClient => {
  const pool = new Pool(origin, {
    connections: 128,
    pipelining: 1,
    headersTimeout: 120_000,
    bodyTimeout: 120_000,
  });
  const ask = async (method: "GET" | "POST", path: string, body?: string) => {
    const answer = await pool.request({
      method,
      path,
      headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body }),
    });
    return { status: answer.statusCode, body: await answer.body.text() };
  };
  return {
    post: (path, body) => ask("POST", path, body),
    get: (path) => ask("GET", path),
    close: () => pool.close(),
  };
};
