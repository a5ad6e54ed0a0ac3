// Adapter: UUIDs. Random ones for requests that bring none, name-based ones (RFC 9562 version 5) for events, so that a retried
// request is the same event on every machine.
import { hash, randomUUID } from "node:crypto";
import { EVENT_NAMESPACE } from "../../contracts/event.ts";
import type { MakesIds } from "../ports-serving.ts";

const NAME_BYTES_MAX = 1024;

/** Makes the id maker; its scratch buffer is its own, so two makers never meet. */
export const createIds = (): MakesIds => {
  const scratch = Buffer.alloc(16 + NAME_BYTES_MAX);
  scratch.write(EVENT_NAMESPACE.replaceAll("-", ""), 0, "hex");
  return {
    random: randomUUID,
    event: (name) => {
      // Names of events are ASCII (model names, uuids, versions), for which latin1 is UTF-8 and cheaper.
      const length = scratch.write(name, 16, "latin1");
      if (length !== name.length) throw new RangeError("the name of an event is too long");
      return versionFive(hash("sha1", scratch.subarray(0, 16 + length), "hex"));
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
