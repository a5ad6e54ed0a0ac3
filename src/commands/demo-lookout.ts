// Door: what the demo does while it waits for a day to settle: it looks whether the workers gave up a look at it, says so once, and
// ends when the same stage gives up again: waiting longer would not help. It waits for nothing itself.
import type { GivenUpLook } from "../adapters/queues.ts";

/** A healthy day settles in less. */
const QUIET_MS = 3_000;
const EVERY_MS = 1_000;
/** Looks of one stage given up in one day, each after several tries. */
const GIVEN_UP_MAX = 2;
const REASON_MAX = 400;

/** `moved` tells that a day has settled, `look` is called while waiting and throws when there is nothing to wait for. */
export const createLookout = (by: {
  readonly givenUp: () => Promise<readonly GivenUpLook[]>;
  readonly say: (text: string) => void;
  /** Where the workers say more. */
  readonly log: string;
  readonly monotonicMs: () => number;
}) => {
  let nextMs = by.monotonicMs() + QUIET_MS;
  let known = new Set<string>();
  let counts = new Map<string, number>();
  return {
    moved: (): void => {
      nextMs = by.monotonicMs() + QUIET_MS;
      counts = new Map();
    },
    look: async (): Promise<void> => {
      if (by.monotonicMs() < nextMs) return;
      nextMs = by.monotonicMs() + EVERY_MS;
      // Queues that cannot be asked just now are asked again: their absence says nothing of the looks.
      const all = await by.givenUp().catch(() => null);
      if (all === null) return;
      for (const { id, stage, reason } of all.filter((one) => !known.has(one.id))) {
        known.add(id);
        const count = (counts.get(stage) ?? 0) + 1;
        counts.set(stage, count);
        const told = `the workers gave up a look of ${stage}: ${reason.slice(0, REASON_MAX)}`;
        if (count >= GIVEN_UP_MAX)
          throw new Error(`${told}\nit failed again, and waiting will not mend it: see ${by.log}`);
        by.say(`${told}\nit will be tried again`);
      }
      known = new Set(all.map(({ id }) => id));
    },
  };
};
