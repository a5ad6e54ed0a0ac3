// How long facts are kept: whole months, counted from what is settled, never shorter than training and revision look back.
import { describe, expect, it } from "vitest";
import { ServiceConfig } from "../../contracts/config.ts";
import { outlived, retentionFloorMs, retentionProblem, type Month } from "../../src/core/retention.ts";

const DAY = 86_400_000;
const month = (text: string, facts: Month["facts"] = "predictions"): Month => ({
  facts,
  month: text,
  rows: 1,
});
const kept = (predictions: string | null) => ServiceConfig.parse({ retention: { predictions } });

describe("a month goes", () => {
  const months = [month("200012"), month("200101"), month("200101", "labels"), month("200102")];
  const asOf = (settledMs: number, predictions: string | null = "90d", horizonsMs: readonly number[] = []) =>
    outlived(months, { service: kept(predictions), settledMs, horizonsMs }).map((one) => one.month);
  const over = Date.UTC(2001, 1, 1) + 90 * DAY;

  it("when its last moment is as old as it is kept, and not a millisecond sooner", () => {
    expect(asOf(over - 1)).toEqual(["200012"]);
    expect(asOf(over)).toEqual(["200012", "200101", "200101"]);
  });
  it("never where facts are kept for ever, and never by a name that is no month", () => {
    expect(asOf(Date.UTC(2100, 0, 1), null)).toEqual([]);
    const odd = [month("all"), month("200113"), month("20010101")];
    const by = { service: kept("90d"), settledMs: Date.UTC(2100, 0, 1), horizonsMs: [] };
    expect(outlived(odd, by)).toEqual([]);
  });
  it("later where a model's labels take long", () => {
    // 28 d of training, 7 d of revision and a 7 d window need 42 d; labels of 60 d make that 102 d.
    expect(asOf(over, "90d", [DAY, 60 * DAY])).toEqual(["200012"]);
    expect(asOf(over + 12 * DAY - 1, "90d", [60 * DAY])).toEqual(["200012"]);
    expect(asOf(over + 12 * DAY, "90d", [60 * DAY])).toEqual(["200012", "200101", "200101"]);
  });
});

describe("a retention", () => {
  it("shorter than what is looked back at is refused, exactly as long is not", () => {
    expect(retentionFloorMs(kept(null))).toBe(42 * DAY);
    expect(retentionProblem(kept("42d"))).toBe(null);
    expect(retentionProblem(kept(null))).toBe(null);
    expect(retentionProblem(kept("41d"))).toBe(
      "retention.predictions: 41d is too short: training.span, windows.revise_within and the longest window need 42d",
    );
  });
  it("is 400 days unless somebody says otherwise", () => {
    expect(ServiceConfig.parse({}).retention.predictions).toBe("400d");
  });
});
