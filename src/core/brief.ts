// Core: a decision's sentence as lists and head lines show it. The sentence itself is part of the decision's bytes and is never changed;
// this shortens only what a person reads first, and says how much it left out.

/** More than so many items of a list are not read at a glance. */
const ITEMS_MAX = 3;
const SHOWN = 2;

/** The sentence with a long list (`a; b; c; d`) cut after its first items, "and 2 more"; shorter ones and other sentences as they are. */
export const briefly = (sentence: string): string => {
  const parts = sentence.split("; ");
  // A list begins where it is announced: "stays on trial; missing: a; b".
  const opens = Math.max(
    0,
    parts.findIndex((part) => /: |\(/.test(part)),
  );
  const items = [parts.slice(0, opens + 1).join("; "), ...parts.slice(opens + 1)];
  const left = items.slice(SHOWN);
  const end = /\)?\.?$/.exec(sentence)?.[0] ?? "";
  // A bracket that closes within the list ends one list and begins another: nobody knows which items belong together.
  const isOneList = !left
    .join("; ")
    .slice(0, -end.length || undefined)
    .includes(")");
  if (items.length <= ITEMS_MAX || !isOneList) return sentence;
  return `${items.slice(0, SHOWN).join("; ")} and ${left.length} more${end}`;
};
