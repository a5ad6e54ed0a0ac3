// deploy/door: passes TCP connections from every address of this container to a port of its loopback, byte for byte. The api refuses any
// address but loopback while no keys are configured; compose publishes this door on the host's loopback only, which keeps that.
import { connect, createServer } from "node:net";

const [from, to] = process.argv.slice(2).map(Number);
const open = new Set();
const server = createServer({ allowHalfOpen: true }, (outside) => {
  const inside = connect({ port: to, host: "127.0.0.1", allowHalfOpen: true });
  open.add(outside);
  const end = () => {
    open.delete(outside);
    outside.destroy();
    inside.destroy();
  };
  outside.once("error", end).once("close", end);
  inside.once("error", end).once("close", end);
  outside.pipe(inside).pipe(outside);
});
server.listen(from, "0.0.0.0");
process.once("SIGTERM", () => {
  server.close();
  for (const socket of open) socket.destroy();
});
