// scripts/installed: exits 0 when node_modules is what package-lock.json says, 1 when `npm ci` has to make it so. npm writes
// node_modules/.package-lock.json last, so an installation that was cut short does not count. It changes nothing.
import { existsSync, readFileSync } from "node:fs";

const packagesOf = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).packages : {});

const installed = packagesOf("node_modules/.package-lock.json");
// Optional packages are those of other platforms, among others: npm decided which of them belong here.
const wanted = Object.entries(packagesOf("package-lock.json")).filter(
  ([path, entry]) => path !== "" && (installed[path] !== undefined || entry.optional !== true),
);
const asWanted = wanted.every(
  ([path, { version, integrity }]) =>
    installed[path]?.version === version &&
    installed[path].integrity === integrity &&
    existsSync(`${path}/package.json`),
);
process.exitCode = asWanted && wanted.length > 0 ? 0 : 1;
