// Where the configuration puts the streams: with ledger and jobs, or in a cluster of their own.
import { describe, expect, it } from "vitest";
import { loadConfig } from "../src/adapters/config.ts";
import { streamsAt } from "../src/wiring.ts";

const URL = "redis://one:6379";
const configOf = (env: Record<string, string>) => loadConfig({ FLYBALL_REDIS_URL: URL, ...env });

describe("streams", () => {
  it("lie in redis.url where no cluster is named", () =>
    expect(streamsAt(configOf({}), URL)).toEqual({ url: URL }));

  it("lie in the cluster whose nodes are named", () => {
    const config = configOf({ FLYBALL_STREAMS_CLUSTER: '["redis-0.redis:7000", "10.0.0.2:6379"]' });
    const cluster = [
      { host: "redis-0.redis", port: 7000 },
      { host: "10.0.0.2", port: 6379 },
    ];
    expect(streamsAt(config, URL)).toEqual({ cluster });
  });

  it.each(["[]", '["redis-0"]', '["redis://redis-0:7000"]', '["redis-0:"]', "redis-0:7000"])(
    "take no %s for nodes",
    (nodes) => expect(() => configOf({ FLYBALL_STREAMS_CLUSTER: nodes })).toThrow(/streams\.cluster/),
  );
});
