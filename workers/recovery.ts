// Stage room: what a stage does when Redis has lost the ledger under its feet: the ledger is rebuilt from its sealed copy, once, and the
// look that found out is tried again. Anything else that went wrong is the caller's.
import { Fault } from "../src/core/fault.ts";
import { isoOf } from "../src/core/time.ts";
import type { Log, StageHandlers } from "../src/ports.ts";

export interface RecoveryPorts {
  readonly ledger: {
    recover(by: { at: string; actor: string }): Promise<{ recovered: boolean; detail: string }>;
  };
  readonly now: () => Promise<number>;
  readonly log: Log;
}

/** Code of the fault that only a recovery ends. */
const LOST = "ledger-lost";

/** Runs `look`; after a lost ledger rebuilds it and runs `look` once more. */
export const withRecovery = async <T>(ports: RecoveryPorts, look: () => Promise<T>): Promise<T> => {
  try {
    return await look();
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.code !== LOST) throw cause;
    const told = { at: isoOf(await ports.now()), actor: "workers" };
    const { recovered, detail } = await ports.ledger.recover(told);
    ports.log.error({ recovered, cause: cause.message }, `the ledger was lost: ${detail}`);
    return look();
  }
};

/** The same handlers, each of whose looks rebuilds a ledger that Redis has lost and looks again. */
export const recovering = (ports: RecoveryPorts, { look, retrain }: StageHandlers): StageHandlers => ({
  look: Object.fromEntries(
    Object.entries(look).map(([stage, handler]) => [
      stage,
      (throughMs: number | null, signal: AbortSignal) =>
        withRecovery(ports, () => handler(throughMs, signal)),
    ]),
  ),
  retrain: (job, signal) => withRecovery(ports, () => retrain(job, signal)),
});
