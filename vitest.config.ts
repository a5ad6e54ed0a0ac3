import { defineConfig } from "vitest/config";

// Three tiers by file suffix: `*.test.ts` needs nothing, `*.int.test.ts` talks to a real Redis and the real
// ClickHouse engine it starts itself, `*.e2e.test.ts` starts whole processes from `dist/`. No two files share a server, a port or a folder.
export default defineConfig({
  test: {
    // Three files at a time on two cores: most of a file that starts processes is waiting for them.
    maxWorkers: 3,
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.{int,e2e}.test.ts"],
          // Units keep nothing outside themselves: loading the modules once a worker, not once a file, saves a quarter of their time.
          isolate: false,
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/**/*.int.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/**/*.e2e.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
