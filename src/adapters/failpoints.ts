// Adapter: named places at which a process can be made to die, for the fault suite. Without FLYBALL_FAILPOINTS it is a function that
// does nothing; it never throws, waits or does anything but end its own process by SIGKILL.

/** The commit gaps of the recorder, in order. */
export const FAILPOINTS = [
  "after_read",
  "before_insert",
  "after_insert",
  "after_dead_letter",
  "before_ack",
  "after_ack",
  "after_watermark",
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

/**
 * Reads `after_insert:0.05,before_ack:1` (a name and the chance of dying there) and gives the function that stages call.
 * An unknown name or chance is an error: a misspelt failpoint would prove nothing, quietly.
 */
export const createFailpoints = (
  setting: string | undefined,
  random: () => number,
): ((name: Failpoint) => void) => {
  if (setting === undefined || setting === "") return () => undefined;
  const chances = new Map<string, number>();
  for (const part of setting.split(",")) {
    const [name = "", chance = "1"] = part.split(":");
    const value = Number(chance);
    if (!FAILPOINTS.some((known) => known === name) || !(value >= 0 && value <= 1)) {
      throw new Error(
        `FLYBALL_FAILPOINTS: ${part} is not one of ${FAILPOINTS.join(", ")} with a chance of 0 to 1`,
      );
    }
    chances.set(name, value);
  }
  return (name) => {
    if (random() < (chances.get(name) ?? 0)) process.kill(process.pid, "SIGKILL");
  };
};
