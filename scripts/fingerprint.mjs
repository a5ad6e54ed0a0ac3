// scripts/fingerprint: one digest over the names and bytes of every file under the paths given, so that set-up knows whether a build
// is still that of its sources, whatever their times say. A path that does not exist counts as empty. It writes nothing.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const filesUnder = (path) => {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesUnder(join(path, name)));
};

const hash = createHash("sha256");
for (const file of process.argv
  .slice(2)
  .flatMap((path) => filesUnder(path))
  .sort())
  hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
process.stdout.write(hash.digest("hex"));
