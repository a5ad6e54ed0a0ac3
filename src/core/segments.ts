// Core: the slices a contract asks for, as codes: the `top` most frequent values of each segment feature in the encoding.
import type { Encoding } from "../../contracts/encoding.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import type { SegmentKey } from "../../contracts/counts.ts";

/** Segment keys in contract order; a nominal encoding lists its values most frequent first, an ordinal one in its own order. */
export const segmentKeys = (contract: Pick<FeatureContract, "segments">, encoding: Encoding): SegmentKey[] =>
  contract.segments.flatMap(({ feature, top }) => {
    const position = encoding.features.findIndex((f) => f.feature === feature);
    const found = encoding.features[position];
    if (found === undefined || found.kind === "continuous") return [];
    return found.values
      .slice(0, top)
      .map((value, code) => ({ name: `${feature}=${value}`, position: position + 1, code }));
  });
