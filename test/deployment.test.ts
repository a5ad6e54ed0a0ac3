// The compose file against what our programs accept: its environment is a configuration they load, its Redis keeps what it
// acknowledged, its start order is real, and only the api can be reached, from this machine alone.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { loadConfig } from "../src/adapters/config.ts";
import { REDIS_SETTINGS } from "../src/adapters/redis.ts";
import { API_FLAGS } from "../src/adapters/supervisor.ts";

const root = path.resolve(import.meta.dirname, "..");
const Service = z.object({
  image: z.string(),
  command: z.array(z.string()).optional(),
  entrypoint: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  restart: z.string(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
});
const compose = z
  .object({ services: z.record(z.string(), Service), volumes: z.record(z.string(), z.null()) })
  .parse(parse(readFileSync(path.join(root, "docker-compose.yml"), "utf8"), { merge: true }));
const services = Object.entries(compose.services);
const service = (name: string) => Service.parse(compose.services[name]);

describe("docker-compose.yml", () => {
  it.each(["api", "workers", "migrate"])("%s gets an environment our configuration accepts", (name) => {
    const env = service(name).environment;
    const config = loadConfig({ ...env, FLYBALL_CLICKHOUSE_PASSWORD: "secret" });
    expect(config.service.redis.url).toBe("redis://redis:6379");
    expect(config.service.clickhouse).toMatchObject({ url: "http://clickhouse:8123", user: "flyball" });
    expect(env["FLYBALL_CLICKHOUSE_PASSWORD"]).toBe(service("clickhouse").environment["CLICKHOUSE_PASSWORD"]);
    expect(env["FLYBALL_CLICKHOUSE_USER"]).toBe(service("clickhouse").environment["CLICKHOUSE_USER"]);
    expect(service(name).volumes).toContain(`flyball:${config.home}`);
  });

  it("runs Redis as durable as we promise", () => {
    expect(service("redis").command).toEqual(["redis-server", ...REDIS_SETTINGS]);
    expect(REDIS_SETTINGS.join(" ")).toMatch(
      /^--appendonly yes --appendfsync always --maxmemory-policy noeviction/u,
    );
    expect(service("redis").volumes).toEqual(["redis:/data"]);
  });

  it("starts the api as we start it", () => {
    const { entrypoint, command } = service("api");
    expect([...(entrypoint ?? []), ...(command ?? [])]).toEqual([
      "node",
      ...API_FLAGS,
      "dist/src/cli.js",
      "serve",
    ]);
  });

  it("publishes the api alone, on loopback", () => {
    expect(services.flatMap(([name, { ports }]) => ports.map((port) => `${name} ${port}`))).toEqual([
      "api 127.0.0.1:8080:8080",
    ]);
  });

  it("starts nothing before what it needs is well, and watches everything that stays", () => {
    for (const [name, { healthcheck, restart, depends_on }] of services) {
      expect(healthcheck !== undefined || restart === "no", `${name} has no health check`).toBe(true);
      for (const [needed, { condition }] of Object.entries(depends_on)) {
        const stays = service(needed).restart !== "no";
        expect(condition).toBe(stays ? "service_healthy" : "service_completed_successfully");
      }
    }
    expect(service("api").depends_on).toHaveProperty("migrate");
    expect(service("workers").depends_on).toHaveProperty("migrate");
  });

  it("names files that are there and volumes that are declared", () => {
    const scripts = services.flatMap(([, { entrypoint = [], healthcheck }]) =>
      [...entrypoint, ...(healthcheck?.test ?? [])].filter((word) => word.endsWith(".mjs")),
    );
    expect(scripts.length).toBeGreaterThan(0);
    for (const file of scripts) expect(existsSync(path.join(root, file)), file).toBe(true);
    const used = services.flatMap(([, { volumes }]) => volumes.map((volume) => volume.split(":")[0] ?? ""));
    expect(new Set(used)).toEqual(new Set(Object.keys(compose.volumes)));
  });
});
