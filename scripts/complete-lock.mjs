// scripts/complete-lock: adds to package-lock.json the optional packages of other platforms that a registry mirror did not have when it was
// written: `npm ci` refuses a lock without them, on every platform. Run it after `npm install`; it changes nothing else and
// says what it added. Such an entry has no digest: the machine it is for takes what its registry gives.
import { readFileSync, writeFileSync } from "node:fs";

const FILE = "package-lock.json";
const lock = JSON.parse(readFileSync(FILE, "utf8"));
const { packages } = lock;
const words = { os: ["darwin", "linux", "win32"], cpu: ["arm64", "arm", "x64"] };

const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {}, license }]) =>
  Object.entries(optionalDependencies)
    .filter(([name]) => packages[`node_modules/${name}`] === undefined)
    .filter(([name]) => packages[`${path}/node_modules/${name}`] === undefined)
    .map(([name, version]) => ({ name, version, license })),
);
for (const { name, version, license } of missing) {
  const parts = name.split(/[/-]/);
  const [os, cpu] = [words.os, words.cpu].map((known) => parts.find((part) => known.includes(part)));
  // A range, or a package for no platform of its own, is not ours to guess.
  if (!/^\d/.test(version) || os === undefined || cpu === undefined)
    throw new Error(`${name}@${version} is missing from ${FILE}: its platform cannot be told from its name`);
  packages[`node_modules/${name}`] = { version, cpu: [cpu], license, optional: true, os: [os] };
  process.stdout.write(`added ${name}@${version}\n`);
}
lock.packages = Object.fromEntries(
  Object.keys(packages)
    .sort()
    .map((path) => [path, packages[path]]),
);
if (missing.length > 0) writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
