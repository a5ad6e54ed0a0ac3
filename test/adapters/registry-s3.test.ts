// The registry in an S3-compatible store, over real HTTP: the same promises as on disk, under crashes, lost answers, two publishers and a
// store that does not keep its own.
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from "vitest";
import { BUNDLE_FILES } from "../../contracts/bundle.ts";
import { ServiceConfig } from "../../contracts/config.ts";
import { openRegistry } from "../../src/adapters/registry-open.ts";
import { createRegistryOn } from "../../src/adapters/registry.ts";
import { createS3Shelf } from "../../src/adapters/registry-s3.ts";
import { createS3 } from "../../src/adapters/s3.ts";
import { encodedPath, encodedQuery, signedHeaders } from "../../src/adapters/s3-signature.ts";
import { bundle, encoding } from "../support/bundle.ts";
import { KEYS, startS3, type S3Server } from "../support/s3-server.ts";

let server: S3Server;
beforeAll(async () => {
  server = await startS3();
});
afterAll(() => server.close());
beforeEach(() => {
  server.objects.clear();
  server.weather = () => "fine";
  server.conditional = true;
});

const store = (credentials = KEYS, place = server.place) =>
  createS3(place, { credentials, now: Date.now, pauseMs: 1 });
const open = (afterStep?: (step: string) => void) =>
  createRegistryOn(createS3Shelf(store(), "house/", afterStep));

test("what is published is what is loaded, under the same names as on disk", async () => {
  const registry = open();
  expect(await registry.publish(bundle("1.0.0"))).toBe("house/m/1.0.0/");
  const names = [...server.objects.keys()].filter((key) => !key.includes(".claims")).sort();
  expect(names).toEqual(BUNDLE_FILES.map((file) => `house/m/1.0.0/${file}`).sort());
  const loaded = await registry.load("m", "1.0.0");
  expect(Buffer.from(loaded.modelBytes).toString()).toBe("onnx 1.0.0");
  expect(loaded.encoding).toEqual(encoding);
  expect(await registry.verify("m", "1.0.0")).toMatchObject({ ok: true });
  await expect(registry.load("m", "1.1.0")).rejects.toThrow("does not exist");
});

test("versions are listed and raised as numbers, over several pages", async () => {
  const registry = open();
  for (const version of ["1.10.0", "1.2.0", "1.9.0"]) await registry.publish(bundle(version));
  await registry.publish(bundle("1.0.0", "another"));
  expect((await registry.list()).map((v) => `${v.model}@${v.version}`)).toEqual([
    "another@1.0.0",
    "m@1.2.0",
    "m@1.9.0",
    "m@1.10.0",
  ]);
  expect((await registry.list("m")).map((v) => v.version)).toEqual(["1.2.0", "1.9.0", "1.10.0"]);
  expect(await registry.nextVersion("m", 1)).toBe("1.11.0");
  expect(await registry.list("unknown")).toEqual([]);
});

test("a version is published once, whoever comes second", async () => {
  const registry = open();
  await registry.publish(bundle("1.0.0"));
  const before = new Map(server.objects);
  await expect(registry.publish(bundle("1.0.0", "m", Buffer.from("other")))).rejects.toThrow(
    "published already",
  );
  await expect(registry.publish(bundle("1.0.0"))).rejects.toThrow("published already");
  expect(server.objects).toEqual(before);
});

test("two publishers of one version at once: one wins, and its files are not mixed with the other's", async () => {
  const others = [1, 2, 3].map((n) => bundle("1.0.0", "m", Buffer.from(`publisher ${n}`)));
  const results = await Promise.allSettled(others.map((content) => open().publish(content)));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect((await open().verify("m", "1.0.0")).ok).toBe(true);
  await open().load("m", "1.0.0");
});

describe.each(["claimed", ...BUNDLE_FILES.map((file) => `put ${file}`)])("a crash after %s", (fatal) => {
  it("leaves nothing or the whole version, and the way open", async () => {
    await open().publish(bundle("1.0.0"));
    const dying = open((step) => {
      if (step === fatal) throw new Error(`died after ${fatal}`);
    });
    await expect(dying.publish(bundle("1.1.0"))).rejects.toThrow("died");
    const registry = open();
    const whole = fatal === "put SHA256SUMS";
    expect((await registry.list("m")).map((v) => v.version)).toEqual(whole ? ["1.0.0", "1.1.0"] : ["1.0.0"]);
    if (whole) {
      expect((await registry.verify("m", "1.1.0")).ok).toBe(true);
      return;
    }
    await expect(registry.load("m", "1.1.0")).rejects.toThrow(/is missing|does not exist/);
    // Other bytes take the next number; the same bytes end what was begun.
    expect(await registry.nextVersion("m", 1)).toBe("1.2.0");
    await expect(registry.publish(bundle("1.1.0", "m", Buffer.from("other")))).rejects.toThrow(
      "begun by another",
    );
    await registry.publish(bundle("1.1.0"));
    expect((await registry.verify("m", "1.1.0")).ok).toBe(true);
    expect((await registry.verify("m", "1.0.0")).ok).toBe(true);
  });
});

test.each(BUNDLE_FILES)("a flipped byte in %s is named and never loaded", async (file) => {
  const registry = open();
  await registry.publish(bundle("1.0.0"));
  const key = `house/m/1.0.0/${file}`;
  const bytes = Buffer.from(server.objects.get(key) ?? "");
  bytes[3] = (bytes[3] ?? 0) ^ 1;
  server.objects.set(key, bytes);
  const { ok, files } = await registry.verify("m", "1.0.0");
  expect(ok).toBe(false);
  // A flipped digest accuses the file it stands beside.
  expect(files.filter((f) => !f.ok).map((f) => f.file)).toEqual([
    file === "SHA256SUMS" ? "model.onnx" : file,
  ]);
  await expect(registry.load("m", "1.0.0")).rejects.toThrow("SHA256SUMS");
});

test("a missing file and a foreign one are named", async () => {
  const registry = open();
  await registry.publish(bundle("1.0.0"));
  server.objects.set("house/m/1.0.0/model.bin", Buffer.from("x"));
  server.objects.delete("house/m/1.0.0/metrics.json");
  const { files } = await registry.verify("m", "1.0.0");
  expect(
    files
      .filter((f) => !f.ok)
      .map((f) => `${f.file} ${f.reason}`)
      .sort(),
  ).toEqual(["metrics.json is missing", "model.bin does not belong to a bundle"]);
});

describe("a store and a network as they are", () => {
  it.each(["lost", "throttled", "ill"] as const)(
    "every first attempt is %s: the bundle is published",
    async (kind) => {
      const met = new Set<string>();
      server.weather = ({ method, key }) => {
        const first = !met.has(`${method} ${key}`);
        met.add(`${method} ${key}`);
        return first ? kind : "fine";
      };
      await open().publish(bundle("1.0.0"));
      expect((await open().verify("m", "1.0.0")).ok).toBe(true);
    },
  );
  it("one that stays ill is a transient fault", async () => {
    server.weather = () => "ill";
    await expect(open().list()).rejects.toMatchObject({ kind: "transient", message: /500 InternalError/ });
  });
  it("one that ignores the condition is refused", async () => {
    server.conditional = false;
    await expect(open().publish(bundle("1.0.0"))).rejects.toThrow("ignores If-None-Match");
    expect(await open().list()).toEqual([]);
  });
  it("a wrong secret, a wrong bucket and nobody listening are told apart", async () => {
    const list = (client: ReturnType<typeof store>) => createRegistryOn(createS3Shelf(client, "")).list();
    await expect(list(store({ ...KEYS, secretAccessKey: "guess" }))).rejects.toThrow("SignatureDoesNotMatch");
    await expect(list(store(KEYS, { ...server.place, bucket: "other" }))).rejects.toThrow("NoSuchBucket");
    await expect(
      list(store(KEYS, { ...server.place, endpoint: "http://127.0.0.1:9" })),
    ).rejects.toMatchObject({
      kind: "transient",
    });
  });
});

test("configuration opens it, with credentials from the environment", async () => {
  const service = ServiceConfig.parse({ registry: { s3: { ...server.place, prefix: "a/b/" } } });
  const env = { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey };
  await openRegistry({ home: "/nowhere", service }, env).publish(bundle("1.0.0"));
  expect(server.objects.has("a/b/m/1.0.0/SHA256SUMS")).toBe(true);
  expect(() => openRegistry({ home: "/nowhere", service }, {})).toThrow("AWS_ACCESS_KEY_ID is not");
  expect(ServiceConfig.safeParse({ registry: { s3: { ...server.place, prefix: "/a" } } }).success).toBe(
    false,
  );
});

// The worked examples of the service's manual ("Signature Calculations for the Authorization Header", examplebucket).
test.each([
  [
    "GET",
    "/test.txt",
    {},
    { range: "bytes=0-9" },
    "",
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  ],
  [
    "PUT",
    "/test$file.text",
    {},
    { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
    "Welcome to Amazon S3.",
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  ],
  ["GET", "/", { lifecycle: "" }, {}, "", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"],
  [
    "GET",
    "/",
    { "max-keys": "2", prefix: "J" },
    {},
    "",
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  ],
])(
  "the manual's example %s %s has the manual's signature",
  (method, path, query, headers, body, signature) => {
    const { authorization } = signedHeaders(
      {
        method,
        host: "examplebucket.s3.amazonaws.com",
        path: encodedPath(path),
        query: encodedQuery(query),
        headers,
        body: body === "" ? null : Buffer.from(body),
      },
      {
        credentials: {
          accessKeyId: "AKIAIOSFODNN7EXAMPLE",
          secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
          sessionToken: null,
        },
        region: "us-east-1",
        nowMs: Date.UTC(2013, 4, 24),
      },
    );
    expect(authorization?.endsWith(`Signature=${signature}`)).toBe(true);
  },
);
