// End to end: one short replay of the demo as a user starts it, and what people then ask of it: SQL first, then the dashboard, whose
// commands change it, and its keys last.
import { afterAll, beforeAll } from "vitest";
import { startDemo, type DemoStack } from "../support/demo.ts";
import { opensDashboard } from "./demo-dashboard.ts";
import { asksForKeys } from "./demo-keys.ts";
import { asksSql } from "./demo-sql.ts";

let demo: DemoStack;
beforeAll(async () => {
  demo = await startDemo({ days: 6, flights: 9_000 });
}, 300_000);
afterAll(() => demo?.close());

asksSql(() => demo);
opensDashboard(() => demo);
asksForKeys(() => demo);
