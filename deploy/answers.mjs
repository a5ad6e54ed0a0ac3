// deploy/answers: a health check. Exits 0 when the URL answers with a success, 1 otherwise.
const [url] = process.argv.slice(2);
const healthy = await fetch(url, { signal: AbortSignal.timeout(2_500) }).then(
  ({ ok }) => ok,
  () => false,
);
process.exitCode = healthy ? 0 : 1;
