// Door: a progress bar on a terminal, and silence anywhere else. It writes to stderr only, so machine output stays clean.

export interface ProgressBar {
  at(done: number, total: number, note?: string): void;
  end(): void;
}

const WIDTH = 28;
const EVERY_MS = 100;

/** Draws `label ████░░ 42 % note` on one line of stderr; does nothing where stderr is no terminal. */
export const progressBar = (label: string): ProgressBar => {
  if (!process.stderr.isTTY) return { at: () => undefined, end: () => undefined };
  let drawnAt = 0;
  return {
    at: (done, total, note = "") => {
      const now = performance.now();
      if (done < total && now - drawnAt < EVERY_MS) return;
      drawnAt = now;
      const share = total === 0 ? 1 : Math.min(1, done / total);
      const full = Math.round(share * WIDTH);
      const bar = "█".repeat(full) + "░".repeat(WIDTH - full);
      process.stderr.write(`\r\x1b[2K${label} ${bar} ${Math.floor(share * 100)} % ${note}`);
    },
    end: () => {
      process.stderr.write("\r\x1b[2K");
    },
  };
};
