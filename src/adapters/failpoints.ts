// Adapter: named places at which a process can be made to die, for the fault suite. Without FLYBALL_FAILPOINTS it is a function that
// does nothing; it never throws, waits or does anything but end its own process by SIGKILL.
import { mkdirSync, openSync, closeSync } from "node:fs";
import path from "node:path";

/** The commit gaps of the recorder, then those of deciding, executing and training, each in order. */
export const FAILPOINTS = [
  "after_read",
  "before_insert",
  "after_insert",
  "after_dead_letter",
  "before_ack",
  "after_ack",
  "after_watermark",
  "before_decision",
  "after_decision",
  "before_append",
  "after_append",
  "after_seal",
  "after_checkpoint",
  "before_training",
  "after_training",
  "after_training_end",
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

/** Where the process may die, and about what: an action such as PROMOTE; null where there is none. */
export type Failpoints = (name: Failpoint, subject?: string) => void;

interface Death {
  readonly name: string;
  /** Null: whatever the subject. */
  readonly subject: string | null;
  /** Null: once in the life of `home`. */
  readonly chance: number | null;
}

/**
 * Reads `after_insert:0.05,before_append@PROMOTE:once`: a name, perhaps a subject, and the chance of dying there or `once` (a mark in
 * `home` remembers it, so that a successor lives on), and gives the function that stages call. An unknown name or chance is
 * an error: a misspelt failpoint would prove nothing, quietly.
 */
export const createFailpoints = (
  setting: string | undefined,
  random: () => number,
  home = ".flyball",
): Failpoints => {
  if (setting === undefined || setting === "") return () => undefined;
  const deaths = setting.split(",").map(deathOf);
  return (name, subject) => {
    for (const death of deaths) {
      if (death.name !== name || (death.subject !== null && death.subject !== subject)) continue;
      const dies = death.chance === null ? isFirst(home, death) : random() < death.chance;
      if (dies) process.kill(process.pid, "SIGKILL");
    }
  };
};

const deathOf = (part: string): Death => {
  const [place = "", chance = "1"] = part.split(":");
  const [name = "", subject = null] = place.split("@");
  const value = chance === "once" ? null : Number(chance);
  const known = FAILPOINTS.some((one) => one === name);
  if (!known || (value !== null && !(value >= 0 && value <= 1)))
    throw new Error(
      `FLYBALL_FAILPOINTS: ${part} is not one of ${FAILPOINTS.join(", ")} with a chance of 0 to 1 or once`,
    );
  return { name, subject, chance: value };
};

/** Leaves the mark; false where it was left before. */
const isFirst = (home: string, { name, subject }: Death): boolean => {
  const folder = path.join(home, "failpoints");
  mkdirSync(folder, { recursive: true });
  try {
    closeSync(openSync(path.join(folder, subject === null ? name : `${name}@${subject}`), "wx"));
    return true;
  } catch {
    return false;
  }
};
