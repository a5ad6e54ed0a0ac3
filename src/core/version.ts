// Core: semantic versions of bundles and contracts, compared as numbers (1.10.0 is after 1.2.0) and raised by level.
// Major = contract change, minor = retrained model, patch = metadata only. Never accepts ranges, tags or leading zeros.

export type VersionLevel = "major" | "minor" | "patch";

const FORM = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/;

/** Reads MAJOR.MINOR.PATCH; null where the text is no version. */
export const parseVersion = (text: string): readonly [number, number, number] | null => {
  const [, major, minor, patch] = FORM.exec(text) ?? [];
  if (major === undefined || minor === undefined || patch === undefined) return null;
  return [Number(major), Number(minor), Number(patch)];
};

/** Orders two versions numerically, for `sort`; throws a RangeError on a text that is no version. */
export const compareVersions = (a: string, b: string): number => {
  const [majorA, minorA, patchA] = need(a);
  const [majorB, minorB, patchB] = need(b);
  return majorA - majorB || minorA - minorB || patchA - patchB;
};

/** Raises a version by one level; the lower parts start again at 0. */
export const bumpVersion = (version: string, level: VersionLevel): string => {
  const [major, minor, patch] = need(version);
  switch (level) {
    case "major":
      return `${major + 1}.0.0`;
    case "minor":
      return `${major}.${minor + 1}.0`;
    case "patch":
      return `${major}.${minor}.${patch + 1}`;
  }
};

/** Gives the version after the ones that exist, within a contract's major: its first is `<major>.0.0`. */
export const versionAfter = (
  existing: readonly string[],
  contractMajor: number,
  level: "minor" | "patch" = "minor",
): string => {
  const same = existing.filter((version) => need(version)[0] === contractMajor).sort(compareVersions);
  const last = same.at(-1);
  return last === undefined ? `${contractMajor}.0.0` : bumpVersion(last, level);
};

const need = (text: string): readonly [number, number, number] => {
  const version = parseVersion(text);
  if (version === null) throw new RangeError(`"${text}" is no version: write MAJOR.MINOR.PATCH`);
  return version;
};
