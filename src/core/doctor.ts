// Core: what a look at an installation means: each finding with its consequence and the way out. Pure judgements of what was seen; looking is
// the door's. A thing that could not be looked at is `unknown`, never `ok`.

export interface Finding {
  readonly check: string;
  readonly state: "ok" | "problem" | "unknown";
  /** What was seen. */
  readonly seen: string;
  /** What to do about it; empty where all is well. */
  readonly remedy: string;
}

export const NODE_NEEDED = [20, 19] as const;
export const REDIS_NEEDED = [7, 0] as const;
/** Below either, a day of traffic may not fit any more. */
export const DISK_FREE_MIN = { bytes: 2 * 2 ** 30, share: 0.05 };
/** Event times, expiries and freezes are compared across machines; more than this confuses them (ms). */
export const SKEW_MS_MAX = 2_000;

export const ok = (check: string, seen: string): Finding => ({ check, state: "ok", seen, remedy: "" });
export const bad = (check: string, seen: string, remedy: string): Finding => ({
  check,
  state: "problem",
  seen,
  remedy,
});
export const unknown = (check: string, seen: string): Finding => ({
  check,
  state: "unknown",
  seen,
  remedy: "",
});

/** `major.minor…` at least as needed, by number. */
export const isAtLeast = (version: string, needed: readonly [number, number]): boolean => {
  const [major = NaN, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  return major > needed[0] || (major === needed[0] && minor >= needed[1]);
};

/** Node below the floor fails in the middle of something. */
export const judgeNode = (version: string): Finding =>
  isAtLeast(version, NODE_NEEDED)
    ? ok("node", version)
    : bad("node", `Node ${version}`, `install Node ${NODE_NEEDED.join(".")} or newer (https://nodejs.org)`);

/** What a Redis says of itself; a null line was not told (managed services hide CONFIG). */
export const judgeRedis = (
  url: string,
  info: {
    version: string;
    appendonly: string | null;
    appendfsync: string | null;
    maxmemoryPolicy: string | null;
  },
): Finding => {
  const { version, appendonly, appendfsync, maxmemoryPolicy } = info;
  const where = `Redis ${version} at ${url}`;
  if (!isAtLeast(version, REDIS_NEEDED))
    return bad(
      "redis",
      where,
      `Redis ${REDIS_NEEDED.join(".")} or newer is needed: upgrade it, or set redis.url to another`,
    );
  if (maxmemoryPolicy !== null && maxmemoryPolicy !== "noeviction")
    return bad(
      "redis",
      `${where}: maxmemory-policy ${maxmemoryPolicy} may drop events and the ledger's head`,
      "CONFIG SET maxmemory-policy noeviction, and write it to redis.conf",
    );
  if (appendonly !== null && appendonly !== "yes")
    return bad(
      "redis",
      `${where}: appendonly ${appendonly}, an acknowledged event dies with the process`,
      "CONFIG SET appendonly yes, and write it to redis.conf",
    );
  if (appendfsync === "no")
    return bad(
      "redis",
      `${where}: appendfsync no, up to half a minute of acknowledged events dies with the machine`,
      "CONFIG SET appendfsync always (or everysec, which risks one second)",
    );
  if (appendonly === null) return unknown("redis", `${where}; it does not tell its persistence`);
  return ok("redis", `${where}, appendfsync ${appendfsync ?? "not told"}`);
};

/** Space where state lives. */
export const judgeDisk = (home: string, freeBytes: number, allBytes: number): Finding => {
  const share = allBytes === 0 ? 0 : freeBytes / allBytes;
  const seen = `${(freeBytes / 2 ** 30).toFixed(1)} GB free (${(100 * share).toFixed(0)} %) at ${home}`;
  return freeBytes < DISK_FREE_MIN.bytes || share < DISK_FREE_MIN.share
    ? bad(
        "disk",
        seen,
        "make room, or set FLYBALL_HOME to a larger disk: the spool and ClickHouse stop taking rows when it is full",
      )
    : ok("disk", seen);
};

/** This machine's clock against another's, seen through a round trip. */
export const judgeSkew = (check: string, skewMs: number, roundTripMs: number): Finding => {
  const seen = `${Math.round(skewMs)} ms from this machine's clock (± ${Math.ceil(roundTripMs / 2)} ms)`;
  return Math.abs(skewMs) - roundTripMs / 2 > SKEW_MS_MAX
    ? bad(
        check,
        seen,
        "set both clocks by NTP (timedatectl set-ntp true): windows close by them, keys and freezes expire by them",
      )
    : ok(check, seen);
};
