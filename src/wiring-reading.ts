// Wiring of what people look at: apart from src/wiring.ts, because the job board and the queues behind it take longer to load than most
// commands take to run, and only the api shows them.
import path from "node:path";
import { createCheckpoints } from "./adapters/checkpoints.ts";
import { projectRoot } from "./adapters/config.ts";
import { createJobBoard } from "./adapters/job-board.ts";
import { createQueues } from "./adapters/queues.ts";
import { createReadStore } from "./adapters/read-store.ts";
import { createReportStore } from "./adapters/report-store.ts";
import { createWebFiles } from "./adapters/web-files.ts";
import { durationMs } from "./core/duration.ts";
import type { ReadyPolicy } from "./core/policy.ts";
import { loadPolicy, type Stores } from "./wiring.ts";

/** Opens what people look at over the stores of a process; close it before them. */
export const wireReading = (stores: Stores, newId: () => string) => {
  const { config, ledger, registry } = stores;
  const queues = createQueues(stores.redisUrl);
  const checkpoints = createCheckpoints({ home: config.home, origin: config.service.clickhouse.database });
  return {
    ports: {
      ledger,
      registry: stores.bundles,
      bundles: registry,
      lists: createReadStore(stores.clickhouse),
      measures: stores.measures,
      decisions: stores.decisions,
      reports: createReportStore(config.home),
      traffic: stores.traffic,
      snapshots: stores.snapshots,
      simulation: {
        windows: config.service.windows,
        clock: config.service.clock,
        training: config.service.training,
      },
      policy: (): ReadyPolicy => loadPolicy(config),
      audit: { ...ledger.evidence(), checkpoints: checkpoints.all },
      files: createWebFiles(path.join(projectRoot(), "dist", "web")),
      jobs: createJobBoard(queues.queues, "/jobs"),
      clock: config.service.clock,
      size: config.service.windows.decide,
      latenessMs: durationMs(config.service.windows.allowed_lateness),
      now: stores.now,
      newId,
    },
    close: (): Promise<void> => queues.close(),
  };
};
