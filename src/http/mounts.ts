// Stage room: what the api shows beside predictions: the read side and the overview page. Reads stores, writes nothing.
import type { AppOptions } from "./app.ts";
import type { Stores } from "../wiring.ts";

export const readMounts = (_stores: Stores): AppOptions["mounts"] => [];
