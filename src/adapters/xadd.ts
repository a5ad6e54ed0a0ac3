// Adapter: the XADD of an entry, whose rows go to the socket from where they lie. The library would join a command's words into one fresh
// buffer, a third of a megabyte for a thousand rows, and such garbage is what the collector runs for. Rows must stay as they are
// until the command has settled well.
import { Writable } from "node:stream";
import { Command } from "ioredis";
import { ENTRY_VERSION } from "../../contracts/event.ts";

/** The command that appends `n` rows to a stream. */
export const appendRows = (stream: string, n: number, rows: Buffer): Command => {
  const words = [stream, "*", "v", String(ENTRY_VERSION), "n", String(n), "rows"];
  const command = new Command("xadd", [...words, rows], { replyEncoding: "utf8" });
  const joined = command.toWritable.bind(command);
  // All but the last bytes are written here, in one go with what is returned: nothing can come between them.
  command.toWritable = (socket) => {
    if (!(socket instanceof Writable) || rows.length === 0) return joined(socket);
    const said = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    socket.cork();
    socket.write(`*${words.length + 2}\r\n$4\r\nxadd\r\n${said.join("")}$${rows.length}\r\n`);
    socket.write(rows);
    process.nextTick(() => socket.uncork());
    return "\r\n";
  };
  return command;
};
