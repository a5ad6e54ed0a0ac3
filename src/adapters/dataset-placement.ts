// Plumbing: where the contract's columns lie in a source, whatever the order there. A name that is unknown, missing or there twice is
// reported once; nothing is guessed from a name that is nearly right.
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { nearestWord } from "../core/nearest.ts";
import type { RowPacker } from "./dataset-cells.ts";

type Placing = { readonly contract: FeatureContract; readonly packer: RowPacker };

/** What is said of a column or key that the contract does not know. */
export const UNLISTED = "not in the contract: list the column as forbidden, or remove it";

/** Where each frozen column lies in the source (−1: absent), how wide a row is, and which forbidden columns are left out. */
export type Placement = {
  readonly sources: readonly number[];
  readonly width: number;
  readonly dropped: readonly string[];
};

/** The forbidden columns left out; none before there was a header. */
export const droppedOf = (places: Placement | null): readonly string[] => places?.dropped ?? [];

/** Finds the contract's columns in a header and reports what is wrong with it. */
export const place = (header: readonly string[], { contract, packer }: Placing): Placement => {
  const roles = rolesOf(contract, packer);
  header.forEach((name, index) => {
    if (!roles.has(name)) {
      const near = nearestWord(name, [...roles.keys()]);
      const hint = near === null || header.includes(near) ? "" : `; did you mean ${near}?`;
      packer.report({ row: null, column: name, class: "text", rule: "unlisted_column" }, UNLISTED + hint);
    } else if (header.indexOf(name) < index)
      packer.report(
        { row: null, column: name, class: "text", rule: "duplicate_column" },
        "expected each column once",
      );
  });
  const sources = packer.cells.map(({ column }) => {
    const at = header.indexOf(column.name);
    const optional = column.role === "label" && column.nullable;
    if (at < 0 && !optional)
      packer.report(
        { row: null, column: column.name, class: "absent", rule: "missing_column" },
        `expected a column for the ${column.role.replace("_", " ")} ${column.name}`,
      );
    return at;
  });
  const dropped = contract.forbidden.filter((name) => header.includes(name)).sort();
  return { sources, width: header.length, dropped };
};

/** Every name a source may have, with its role. */
export const rolesOf = (contract: FeatureContract, packer: RowPacker): ReadonlyMap<string, string> =>
  new Map([
    ...packer.cells.map(({ column }): [string, string] => [column.name, column.role]),
    ...contract.forbidden.map((name): [string, string] => [name, "forbidden"]),
  ]);
