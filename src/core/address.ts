// Core: which addresses are out in the open. A name we were told to call may point into our own network; this says so for every spelling of
// an address, IPv4 carried inside IPv6 included. Anything it cannot read is not public.

/** Whether an address, as DNS or a URL gives it, belongs to the public internet. */
export const isPublicAddress = (text: string): boolean => {
  const v4 = readV4(text);
  if (v4 !== null) return !inAny(v4, 32, PRIVATE_V4);
  const v6 = readV6(text.replace(/^\[|\]$/g, "").replace(/%.*$/, ""));
  if (v6 === null) return false;
  const carried = carriedV4(v6);
  if (carried !== null) return !inAny(carried, 32, PRIVATE_V4);
  // Of IPv6 only 2000::/3 is given to anyone.
  return v6 >> 125n === 1n && !inAny(v6, 128, PRIVATE_V6);
};

type Block = readonly [prefix: bigint, length: number];

const readV4 = (text: string): bigint | null => {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return null;
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
};

const readV6 = (text: string): bigint | null => {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const tail = dotted === null ? null : readV4(dotted[2] ?? "");
  if (dotted !== null && tail === null) return null;
  const groupsText =
    tail === null
      ? text
      : `${dotted?.[1] ?? ""}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`;
  const halves = groupsText.split("::");
  if (halves.length > 2) return null;
  const [head = [], rest = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - rest.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...rest];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
};

/** The IPv4 address inside a mapped, NAT64 or 6to4 one. */
const carriedV4 = (v6: bigint): bigint | null => {
  const low = v6 & 0xffffffffn;
  if (v6 >> 32n === 0xffffn) return low; // ::ffff:0:0/96
  if (v6 >> 32n === 0x0064ff9b0000000000000000n) return low; // 64:ff9b::/96
  if (v6 >> 112n === 0x2002n) return (v6 >> 80n) & 0xffffffffn; // 2002::/16
  return null;
};

const v4Block = (text: string): Block => {
  const [address = "", length = "32"] = text.split("/");
  return [readV4(address) ?? 0n, Number(length)];
};
const v6Block = (text: string): Block => {
  const [address = "", length = "128"] = text.split("/");
  return [readV6(address) ?? 0n, Number(length)];
};

/** IANA special-purpose registry: everything there that is not globally reachable, and multicast. */
const PRIVATE_V4 = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
  ...["192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"],
  ...["198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"],
].map(v4Block);
/** Inside 2000::/3: protocol assignments with Teredo, documentation. */
const PRIVATE_V6 = ["2001::/23", "2001:db8::/32", "3fff::/20"].map(v6Block);

const inAny = (address: bigint, width: number, blocks: readonly Block[]): boolean =>
  blocks.some(([prefix, length]) => {
    const shift = BigInt(width - length);
    return address >> shift === prefix >> shift;
  });
