// Stage: audit. Recomputes the sealed chain from ClickHouse and holds it against Redis's head and sealed mark and against
// every signed checkpoint. It reports each problem it finds and changes nothing; without problems nobody has edited, deleted,
// inserted, reordered, cut or rewritten an entry that a checkpoint vouches for.
import type { Checkpoint } from "../../contracts/checkpoint.ts";
import type { LedgerEntry } from "../../contracts/governance.ts";
import { checkpointAnchor } from "../core/checkpoint.ts";
import { foldEntries } from "../core/governance.ts";
import { anchorProblems, chainProblems, type Anchor, type Head } from "../core/ledger.ts";

export interface AuditPorts {
  /** The sealed copy, whole. */
  readonly copy: () => Promise<{
    readonly entries: readonly LedgerEntry[];
    readonly problems: readonly { readonly seq: number; readonly problem: string }[];
  }>;
  /** Redis's head and sealed mark with the entries not sealed yet; null when Redis cannot be asked. */
  readonly redis: (after: number) => Promise<{
    readonly head: Head;
    readonly sealed: Head;
    readonly entries: readonly LedgerEntry[];
  } | null>;
  readonly checkpoints: () => Promise<
    readonly {
      readonly file: string;
      readonly checkpoint: Checkpoint | null;
      readonly problem: string | null;
    }[]
  >;
}

export interface AuditReport {
  readonly ok: boolean;
  /** Entries of the sealed copy that were recomputed. */
  readonly entries: number;
  readonly head: { readonly seq: number; readonly hash: string } | null;
  /** Entries in Redis that are not sealed yet. */
  readonly unsealed: number | null;
  readonly checkpoints: number;
  readonly problems: readonly AuditProblem[];
}

export interface AuditProblem {
  readonly where: "clickhouse" | "redis" | "checkpoint" | "laws";
  readonly seq: number | null;
  readonly problem: string;
}

/** Verifies everything there is. */
export const audit = async (ports: AuditPorts): Promise<AuditReport> => {
  const { entries, problems: unreadable } = await ports.copy();
  const last = entries.at(-1);
  const redis = await ports.redis(last?.seq ?? 0);
  const checkpoints = await ports.checkpoints();
  const problems: AuditProblem[] = [
    ...unreadable.map((found) => ({ where: "clickhouse" as const, ...found })),
    ...chainProblems(entries).map(({ seq, problem }) => ({ where: "clickhouse" as const, seq, problem })),
    ...lawProblems([...entries, ...(redis?.entries ?? [])]),
    ...(redis === null
      ? [{ where: "redis" as const, seq: null, problem: "Redis could not be asked" }]
      : redisProblems(entries, redis)),
    ...checkpoints.flatMap(({ file, checkpoint, problem }) => [
      ...(problem === null
        ? []
        : [{ where: "checkpoint" as const, seq: checkpoint?.seq ?? null, problem: `${file}: ${problem}` }]),
      ...(checkpoint === null ? [] : anchored(entries, checkpointAnchor(checkpoint), "checkpoint")),
    ]),
  ];
  return {
    ok: problems.length === 0,
    entries: entries.length,
    head: last === undefined ? null : { seq: last.seq, hash: last.hash },
    unsealed: redis === null ? null : redis.entries.length,
    checkpoints: checkpoints.length,
    problems,
  };
};

/** Redis may be ahead of the copy by what is not sealed yet, and those entries must follow the copy's last one. */
const redisProblems = (
  entries: readonly LedgerEntry[],
  redis: { readonly head: Head; readonly sealed: Head; readonly entries: readonly LedgerEntry[] },
): readonly AuditProblem[] => {
  const last = entries.at(-1);
  const behind =
    last !== undefined && redis.head.seq < last.seq
      ? [
          {
            where: "redis" as const,
            seq: last.seq,
            problem: `Redis is at ${redis.head.seq}, the copy at ${last.seq}`,
          },
        ]
      : [];
  const following = chainProblems(redis.entries, [], last).map(({ seq, problem }) => ({
    where: "redis" as const,
    seq,
    problem,
  }));
  return [
    ...behind,
    ...following,
    ...(behind.length > 0
      ? []
      : anchored([...entries, ...redis.entries], { ...redis.head, of: "Redis's head" }, "redis")),
    ...anchored(entries, { ...redis.sealed, of: "Redis's sealed mark" }, "redis"),
  ];
};

const anchored = (
  entries: readonly LedgerEntry[],
  anchor: Anchor,
  where: "redis" | "checkpoint",
): readonly AuditProblem[] =>
  anchorProblems(entries, anchor).map(({ seq, problem }) => ({ where, seq, problem }));

const lawProblems = (entries: readonly LedgerEntry[]): readonly AuditProblem[] => {
  const folded = foldEntries(entries);
  return folded.ok ? [] : [{ where: "laws", seq: folded.seq, problem: folded.problem }];
};
