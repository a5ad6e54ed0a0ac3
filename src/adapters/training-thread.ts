// Plumbing: the body of one training thread: takes a workspace, serves it to its end, waits for the next. Started only by
// training-threads.ts; importing it anywhere else does nothing.
import { parentPort } from "node:worker_threads";
import { serve } from "./training-threads.ts";
import type { Enlisting } from "./training-threads.ts";

parentPort?.on("message", (enlisting: Enlisting) => serve(enlisting));
