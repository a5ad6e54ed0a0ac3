// Stage room: what the api shows beside predictions: the read side, the operator's commands, news, the job board and the dashboard. Takes
// ports; who fills them is known to the wiring.
import type { Hono } from "hono";
import type { ServesFiles } from "../ports-reading.ts";
import type { AppOptions } from "./app.ts";
import { dashboardRoutes } from "./dashboard.ts";
import { eventRoutes } from "./events.ts";
import { commandRoutes, type CommandPorts } from "./governance.ts";
import { decisionRoutes, type DecisionsPorts } from "./read-decisions.ts";
import { measureRoutes, type MeasuresPorts } from "./read-measures.ts";
import { modelRoutes, type ModelsPorts } from "./read-models.ts";
import { readPaths } from "./read-openapi.ts";
import { reportRoutes, type ReportsPorts } from "./read-reports.ts";
import { simulatePath, simulateRoutes, type SimulateRoutePorts } from "./simulate-route.ts";

export type ReadingPorts = ModelsPorts &
  MeasuresPorts &
  DecisionsPorts &
  ReportsPorts &
  SimulateRoutePorts &
  CommandPorts & {
    readonly files: ServesFiles;
    /** A sub-app with full paths below /jobs; null where no queues are known. */
    readonly jobs: Hono | null;
  };

/** Every mount of the read side. */
export const readMounts = (ports: ReadingPorts): AppOptions["mounts"] => [
  { path: "/", app: modelRoutes(ports), openapi: readPaths() },
  { path: "/", app: measureRoutes(ports) },
  { path: "/", app: simulateRoutes(ports), openapi: simulatePath() },
  { path: "/", app: decisionRoutes(ports) },
  { path: "/", app: reportRoutes(ports) },
  { path: "/", app: commandRoutes(ports) },
  { path: "/", app: eventRoutes(ports) },
  { path: "/", app: dashboardRoutes(ports.files) },
  ...(ports.jobs === null ? [] : [{ path: "/", app: ports.jobs }]),
];
