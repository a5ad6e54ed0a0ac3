// Core: the known word a mistyped one was probably meant to be, for error messages. Never used to correct anything silently.

/** Finds the known word at the smallest edit distance, if that is close enough to be a slip; null otherwise. */
export const nearestWord = (word: string, known: readonly string[]): string | null => {
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
};

/** Named at most: a message is read, not searched. */
const NAMED_MAX = 8;

/** How an error message goes on that names a word nobody knows: the one that was probably meant, else what there is. */
export const alternatives = (word: string, known: readonly string[]): string => {
  const meant = nearestWord(word.slice(0, 80), known);
  if (meant !== null) return `; did you mean ${meant}?`;
  if (known.length === 0) return "";
  const more = known.length > NAMED_MAX ? ` and ${known.length - NAMED_MAX} more` : "";
  return `; there ${known.length === 1 ? "is" : "are"} ${known.slice(0, NAMED_MAX).join(", ")}${more}`;
};

/** Levenshtein distance with swaps of neighbours counted as one slip (optimal string alignment). */
const editDistance = (a: string, b: string): number => {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      current.push(cost);
    }
    [before, previous] = [previous, current];
  }
  return previous[b.length] ?? 0;
};
