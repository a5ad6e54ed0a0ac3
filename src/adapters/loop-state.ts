// Adapter: what the loop remembers in Redis between looks: how far each stage has come, the deployment's clock, who is serving which
// ledger generation. All of it can be lost and rebuilt from the stores; losing it costs time, never truth.
import type { Progress } from "../ports.ts";
import type { RedisClient } from "./redis.ts";

const PROGRESS = "flyball:{loop}:progress";
const CLOCK = "flyball:{loop}:clock";
const INSTANCES = "flyball:{loop}:instances";

/** Moves a number in a hash forward only; answers what it is then. */
const FORWARD = `
local now = redis.call('HGET', KEYS[1], ARGV[1])
if now and tonumber(now) >= tonumber(ARGV[2]) then return now end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return ARGV[2]`;

/** An instance silent for this long is gone (ms, wall). */
const INSTANCE_GONE_MS = 5_000;

export interface LoopState {
  readonly progress: Progress;
  readonly clock: {
    read(): Promise<number | null>;
    /** Moves event time forward only; answers what it is then. */
    forward(ms: number): Promise<number>;
  };
  readonly instances: {
    tell(id: string, generation: number | null): Promise<void>;
    /** Generations served by all live instances; null where one has loaded nothing yet. */
    generations(): Promise<readonly (number | null)[]>;
    leave(id: string): Promise<void>;
  };
}

export const createLoopState = (redis: RedisClient, wallNow: () => number): LoopState => {
  const forward = async (key: string, field: string, ms: number): Promise<number> =>
    Number(await redis.eval(FORWARD, 1, key, field, String(ms)));
  return {
    progress: {
      get: async (name) => numberOrNull(await redis.hget(PROGRESS, name)),
      set: async (name, ms) => {
        await forward(PROGRESS, name, ms);
      },
      getText: (name) => redis.hget(PROGRESS, `text:${name}`),
      setText: async (name, text) => {
        await redis.hset(PROGRESS, `text:${name}`, text);
      },
    },
    clock: {
      read: async () => numberOrNull(await redis.hget(CLOCK, "now")),
      forward: (ms) => forward(CLOCK, "now", ms),
    },
    instances: {
      tell: async (id, generation) => {
        await redis.hset(INSTANCES, id, `${wallNow()}/${generation ?? ""}`);
      },
      generations: async () => {
        const all = await redis.hgetall(INSTANCES);
        const live = Object.values(all).filter(
          (told) => wallNow() - Number(told.split("/")[0]) <= INSTANCE_GONE_MS,
        );
        return live.map((told) => numberOrNull(told.split("/")[1] ?? ""));
      },
      leave: async (id) => {
        await redis.hdel(INSTANCES, id);
      },
    },
  };
};

const numberOrNull = (text: string | null): number | null =>
  text === null || text === "" ? null : Number(text);
