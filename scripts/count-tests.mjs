// scripts/count-tests: adds up what vitest reported of each project (argument 1: the folder of <project>.json) and prints one closing
// line. A file that could not be loaded, a project without a report and each failed check (further arguments) count as failed, and
// a run without a single test fails. Under FLYBALL_TEST_STRICT a skip fails too, except of tests on `shared` files where none are
// beside the checkout.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const PROJECTS = ["unit", "integration", "e2e"];
const [folder, ...broken] = process.argv.slice(2);
const strict = (process.env["FLYBALL_TEST_STRICT"] ?? "") !== "";
const shared = existsSync("../shared");

let passed = 0;
let failed = 0;
const skipped = [];
/** Checks whose failure is counted in tests already. */
const counted = new Set();

for (const project of PROJECTS) {
  const file = join(folder, `${project}.json`);
  if (!existsSync(file)) continue;
  const report = JSON.parse(readFileSync(file, "utf8"));
  let failures = 0;
  for (const { name, status, assertionResults } of report.testResults) {
    const outcomes = assertionResults.map((test) => test.status);
    const wrong = outcomes.filter((outcome) => outcome === "failed").length;
    passed += outcomes.filter((outcome) => outcome === "passed").length;
    failures += status === "failed" ? Math.max(1, wrong) : wrong;
    for (const test of assertionResults)
      if (test.status !== "passed" && test.status !== "failed") skipped.push(`${name}: ${test.fullName}`);
  }
  if (failures > 0) counted.add(project);
  failed += failures;
}
failed += broken.filter((check) => !counted.has(check)).length;
if (skipped.length > 0) {
  process.stdout.write(`${skipped.length} skipped:\n${skipped.map((name) => `  ${name}`).join("\n")}\n`);
  if (strict) failed += skipped.filter((name) => shared || !name.includes("shared")).length;
}
if (passed + failed === 0) process.stdout.write("no test ran\n");
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
