// Words: configuration an operator may change (config/service.yaml, config/schedule.yaml). Unknown keys are errors; reading
// and environment overrides live in src/adapters/config.ts.
import { z } from "zod";

/** A duration as people write it: 500ms, 15s, 5m, 24h, 7d. */
export const Duration = z.string().regex(/^\d+(ms|s|m|h|d)$/, "a duration such as 500ms, 15s, 5m, 24h or 7d");

export const ServiceConfig = z.strictObject({
  redis: z
    .strictObject({
      /** Null: `flyball up` starts a private Redis under the home folder. */
      url: z.string().nullable().default(null),
    })
    .prefault({}),
  clickhouse: z
    .strictObject({
      /** Null: `flyball up` starts the embedded engine under the home folder. */
      url: z.string().nullable().default(null),
      database: z.string().default("flyball"),
      user: z.string().nullable().default(null),
      password: z.string().nullable().default(null),
    })
    .prefault({}),
  api: z
    .strictObject({
      host: z.string().default("127.0.0.1"),
      port: z.int().min(0).max(65535).default(8080),
      processes: z.int().min(1).max(64).default(1),
      durability: z.enum(["spool", "strict"]).default("spool"),
      body_bytes_max: z.int().min(1024).default(4_194_304),
      spool_bytes_max: z.int().min(1_048_576).default(1_073_741_824),
      /** Where people reach the dashboard, e.g. https://flyball.example.com: for links in alerts, and cookies that never leave TLS. */
      public_url: z
        .url({ protocol: /^https?$/ })
        .nullable()
        .default(null),
      /** Requests a second and process; counted once keys are configured. */
      rate_per_key: z.int().min(1).default(50_000),
      rate_per_address: z.int().min(1).default(50_000),
      auth_failures_per_minute: z.int().min(1).default(30),
    })
    .prefault({}),
  clock: z.enum(["wall", "replay"]).default("wall"),
  registry: z
    .strictObject({
      /** Null: bundles lie under the home folder. Keys come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. */
      s3: z
        .strictObject({
          endpoint: z.url({ protocol: /^https?$/ }),
          bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "a bucket's name"),
          region: z.string().min(1).default("us-east-1"),
          /** Where in the bucket bundles begin: nothing, or a path that ends with a slash. */
          prefix: z
            .string()
            .regex(/^([\w.-]+\/)*$/, "a path of letters, digits, dot, dash and underscore that ends with /")
            .default(""),
        })
        .nullable()
        .default(null),
    })
    .prefault({}),
  streams: z
    .strictObject({
      partitions: z.int().min(1).max(256).default(4),
      /** Some nodes of a Redis Cluster that holds the streams, each `host:port`; null: they lie in `redis.url` with ledger and jobs. */
      cluster: z
        .array(z.string().regex(/^[\w.-]+:\d{1,5}$/, "a node as host:port"))
        .min(1)
        .nullable()
        .default(null),
      producer_timeout: Duration.default("30s"),
      replay_slack: Duration.default("1h"),
    })
    .prefault({}),
  windows: z
    .strictObject({
      /** Each a multiple of the one before; the first is rolled from facts, the others are sums. */
      sizes: z.array(Duration).min(1).default(["5m", "1h", "24h", "7d"]),
      /** The only size whose verdicts decide and spend the false-alarm budget. */
      decide: Duration.default("24h"),
      allowed_lateness: Duration.default("5m"),
      dedup_horizon: Duration.default("24h"),
      /** How far back late rows may still make a new revision. */
      revise_within: Duration.default("7d"),
    })
    .prefault({}),
  retention: z
    .strictObject({
      /** Predictions and labels older than this go, a month at a time; null: never. Snapshots, decisions and the log are kept. */
      predictions: Duration.nullable().default("400d"),
    })
    .prefault({}),
  shadow: z
    .strictObject({
      isolation: z.enum(["inline", "process"]).default("inline"),
      queue: z.int().min(1).default(8192),
      timeout: Duration.default("1s"),
    })
    .prefault({}),
  training: z
    .strictObject({
      /** What retraining in the loop fits, unless `trainer.command` is set. */
      family: z.enum(["logistic-regression", "gradient-boosted-trees"]).default("gradient-boosted-trees"),
      /** Retraining looks back this far over labelled production windows. */
      span: Duration.default("28d"),
      seed: z.int().min(0).default(1),
      /** Parameter sets to try, the configured one first; the best on the early-stopping slice is taken. */
      search: z.int().min(1).max(1000).default(1),
      /** `balanced` weighs both classes alike; probabilities are then those of a balanced world until calibrated. */
      class_weight: z.enum(["none", "balanced"]).default("none"),
      parameters: z
        .strictObject({
          /** Of gradient-boosted-trees. */
          boosting: z
            .strictObject({
              trees: z.int().min(1).max(10_000),
              learning_rate: z.number().gt(0).max(1),
              leaves: z.int().min(2).max(1024),
              /** 0: no limit. */
              depth: z.int().min(0).max(64),
              min_rows: z.int().min(1),
              min_hessian: z.number().min(0),
              l2: z.number().min(0),
              row_share: z.number().gt(0).max(1),
              feature_share: z.number().gt(0).max(1),
              /** Trees without improvement before growth ends; 0: never ends early. */
              patience: z.int().min(0),
            })
            .partial()
            .prefault({}),
          /** Of logistic-regression. */
          logistic: z
            .strictObject({
              l2: z.number().gt(0),
              tolerance: z.number().gt(0),
              /** Newton steps at most. */
              steps: z.int().min(1).max(1000),
            })
            .partial()
            .prefault({}),
        })
        .prefault({}),
    })
    .prefault({}),
  /** A program that trains instead of the families of the house (docs/trainers.md). */
  trainer: z
    .strictObject({
      /** The program and its arguments; `{data}`, `{contract}`, `{output}` and `{seed}` are filled in. Null: none. */
      command: z.array(z.string()).min(1).nullable().default(null),
      /** Where its model says the positive class's probability: OUTPUT[:INDEX]. Null: found by the model's declarations. */
      positive: z.string().nullable().default(null),
      timeout: Duration.default("1h"),
    })
    .prefault({}),
  /** The workers' own /metrics; the api has it at its port. */
  metrics: z
    .strictObject({
      host: z.string().default("127.0.0.1"),
      /** Null: none. A port that is taken is told in the log and harms nothing else. */
      port: z.int().min(0).max(65535).nullable().default(9464),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(["trace", "debug", "info", "warn", "error", "fatal"]).default("info") })
    .prefault({}),
});
export type ServiceConfig = z.infer<typeof ServiceConfig>;

export const ScheduleConfig = z.strictObject({
  /** How often each stage looks for due work (`clock: wall`); a tick is never the truth about what is due. */
  roll: Duration.default("5s"),
  execute: Duration.default("1s"),
  reconcile: Duration.default("1m"),
  trim: Duration.default("1m"),
  /** How often it is looked whether a day's report is due (`clock: wall`); null: never by itself. */
  report: Duration.nullable().default("1h"),
});
export type ScheduleConfig = z.infer<typeof ScheduleConfig>;

/** What a running `flyball up` leaves in `<home>/run.json` for other commands to find it. */
export const RunningStack = z.strictObject({
  pid: z.int(),
  redis: z.string(),
  clickhouse: z.string(),
  api: z.string(),
  started_at: z.string(),
});
export type RunningStack = z.infer<typeof RunningStack>;
