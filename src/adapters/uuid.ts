// Adapter: UUIDs. Random ones for requests that bring none, name-based ones (RFC 9562 version 5) where the same words must give the same id
// on every machine. The ids of events are made beside their rows (core/event-id.ts).
import { hash, randomFillSync, randomUUID } from "node:crypto";
import { writeUuidOf } from "../core/uuid-text.ts";
import type { MakesIds } from "../ports-serving.ts";

/** Makes the id maker. */
export const createIds = (): MakesIds => {
  const dice = new Uint8Array(16 * 256);
  let used = dice.length;
  return {
    random: randomUUID,
    writeRandom: (out, at) => {
      if (used === dice.length) {
        randomFillSync(dice);
        used = 0;
      }
      writeUuidOf(out, at, dice, used, 4);
      used += 16;
    },
    within: (namespace, name) => {
      const bytes = Buffer.concat([
        Buffer.from(namespace.replaceAll("-", ""), "hex"),
        Buffer.from(name, "utf8"),
      ]);
      return versionFive(hash("sha1", bytes, "hex"));
    },
  };
};

const VARIANT = "89ab";

const versionFive = (hex: string): string => {
  const variant = VARIANT.charAt(Number.parseInt(hex.charAt(16), 16) & 3);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};
