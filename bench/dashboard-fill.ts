// Bench `dashboard`, its stores: what months of many models leave in the tables that pages and workers read, beside a short real demo. Counts
// are made up, shapes and sizes are not; a year of decisions is the demo's last one with other dates, inputs and all.
import { z } from "zod";
import type { DemoStack } from "../test/support/demo.ts";

export interface Amount {
  readonly models: readonly string[];
  readonly features: number;
  /** Days that end where the demo begins. */
  readonly days: number;
  /** Days before that which are filled already. */
  readonly after?: number;
}

/** The day the demo begins, and midnight before it. */
const DEMO_BEGINS = "toDateTime64('2001-02-04 00:00:00', 3, 'UTC')";

type Ask = (sql: string) => Promise<string>;

/** Asks the engine of a demo. */
export const asker =
  ({ clickhouse }: Pick<DemoStack, "clickhouse">): Ask =>
  async (sql) => {
    const answer = await fetch(`${clickhouse}/?database=flyball`, { method: "POST", body: sql });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return text;
  };

/** Everything pages read of production: windows, trust, drift with nine statistics a feature, histograms, performance with five segments. */
export const fillMeasures = async (
  ask: Ask,
  { models, features, days, after = 0 }: Amount,
): Promise<{ drift_rows: number }> => {
  const list = `[${models.map((name) => `'${name}'`).join(", ")}]`;
  const model = `arrayElement(${list}, 1 + number % ${models.length})`;
  const day = `${DEMO_BEGINS} - toIntervalDay(1 + ${after} + intDiv(number, ${models.length}) % ${days})`;
  const windows = models.length * days;
  await ask(`INSERT INTO snapshots (model, version, role, window_size, window_start, window_end, revision, volume, ok, digest)
    SELECT ${model}, '1.0.0', 'production', '24h', ${day}, ${day} + toIntervalDay(1), 1, 10000, 9990, toString(number) FROM numbers(${windows})`);
  await ask(`INSERT INTO trust_scores (model, version, window_size, window_start, trust)
    SELECT ${model}, '1.0.0', '24h', ${day}, 0.9 FROM numbers(${windows})`);
  // Two of the nine statistics judge.
  const perStatistic = windows * features;
  await ask(`INSERT INTO drift (model, version, window_size, window_start, revision, snapshot_digest, subject, feature, statistic,
      value, threshold_watch, threshold, n_reference, n_current, status)
    SELECT ${model}, '1.0.0', '24h', ${day}, 1, 'd', 'feature', concat('feature-', toString(intDiv(number, ${windows}) % ${features})),
      concat('statistic-', toString(intDiv(number, ${perStatistic}))), rand(number) / 4e9, if(number < ${perStatistic * 2}, 0.5, NULL),
      if(number < ${perStatistic * 2}, 0.9, NULL), 30000, 10000, if(rand(number) / 4e9 > 0.9, 'breach', 'steady')
    FROM numbers(${perStatistic * 9})`);
  await ask(`INSERT INTO feature_histograms (model, version, role, window_size, window_start, revision, scope, position, feature, codes, counts)
    SELECT ${model}, '1.0.0', 'production', '24h', ${day}, 1, 'all', 1 + intDiv(number, ${windows}), concat('feature-', toString(intDiv(number, ${windows}))),
      range(50), arrayMap(i -> 200, range(50)) FROM numbers(${perStatistic})`);
  await ask(`INSERT INTO performance_snapshots (model, version, role, window_size, window_start, matured_at, kind, scope, requests, labelled, positives,
      threshold, tp, fp, fn, tn, score_bins_negative, score_counts_negative, score_bins_positive, score_counts_positive,
      accuracy, precision, recall, f1, brier, log_loss, roc_auc, pr_auc, ece, valid)
    SELECT ${model}, '1.0.0', 'production', '24h', ${day}, ${day} + toIntervalDay(2), if(intDiv(number, ${windows}) % 2 = 0, 'realised', 'estimated'),
      if(intDiv(number, ${windows * 2}) = 0, 'all', concat('origin=', toString(intDiv(number, ${windows * 2})))), 10000, 6000, 1500,
      0.3, 900, 600, 600, 3900, range(300, 500), arrayMap(i -> 22, range(200)), range(400, 600), arrayMap(i -> 8, range(200)),
      0.8, 0.6, 0.6, 0.6, 0.15, 0.5, 0.7, 0.5, 0.02, 1 FROM numbers(${windows * 2 * 6})`);
  return { drift_rows: z.coerce.number().parse((await ask("SELECT count() FROM drift")).trim()) };
};

/** A year of what else grows: decisions with their inputs, alerts, a shadow's windows, and traffic with its labels. */
export const fillHistory = async (
  ask: Ask,
  { models, days }: Pick<Amount, "models" | "days">,
  requestsADay: number,
): Promise<{ predictions: number; decisions: number }> => {
  for (const model of models) {
    const day = `${DEMO_BEGINS} - toIntervalDay(number)`;
    await ask(`INSERT INTO decisions SELECT * EXCEPT (number) REPLACE (concat(id, '-${model}-', toString(number)) AS id, '${model}' AS model,
        ${day} - toIntervalDay(1) AS window_start, ${day} AS window_end, ${day} AS at)
      FROM (SELECT * FROM decisions WHERE model = 'flight-delay' AND window_end > ${DEMO_BEGINS} ORDER BY length(inputs) DESC LIMIT 1) AS d
      CROSS JOIN numbers(${days}) AS n`);
    await ask(`INSERT INTO alerts (id, model, at, alert, severity, detail, decision_id, link)
      SELECT concat('alert-${model}-', toString(number)), '${model}', ${day}, 'drift', 'warning', 'a feature drifted', '', '' FROM numbers(${days})`);
    await ask(`INSERT INTO shadow_snapshots (model, production_version, version, window_size, window_start, matured_at, scope, production_requests, pairs, ok,
        matured, cells, delta_bins, delta_counts)
      SELECT '${model}', '1.0.0', '1.1.0', '24h', ${day}, ${day} + toIntervalDay(2), 'all', 10000, 10000, 10000, 6000,
        [3000, 200, 200, 600, 400, 100, 100, 1400], range(100), arrayMap(i -> 100, range(100)) FROM numbers(${days})`);
    await ask(`INSERT INTO predictions (event_time, model, version, role, request_id, event_id, status, probability, encoding, codes, producer,
        producer_seq, ingested_at, recorded_at)
      SELECT ${DEMO_BEGINS} - toIntervalMillisecond((number + 1) * ${Math.floor(86_400_000 / requestsADay)}), '${model}', '1.0.0', 'production',
        generateUUIDv4(number), generateUUIDv4(number + 1), 'ok', rand(number) / 4294967296, 'e', arrayMap(i -> toUInt8(8 + (i * 7) % 40), range(20)),
        'made-up', number, now64(3) - toIntervalDay(1), now64(3) - toIntervalDay(1) FROM numbers(${days * requestsADay})`);
    await ask(`INSERT INTO labels (model, request_id, label, observed_at, received_at, source, producer, producer_seq, recorded_at)
      SELECT model, request_id, rand() % 5 = 0, event_time + toIntervalDay(1), event_time + toIntervalDay(1), 'made-up', 'made-up', producer_seq, recorded_at
      FROM predictions WHERE model = '${model}' AND producer = 'made-up' AND rand(1) % 10 < 6`);
  }
  const counted = async (table: string): Promise<number> =>
    z.coerce.number().parse((await ask(`SELECT count() FROM ${table}`)).trim());
  return { predictions: await counted("predictions"), decisions: await counted("decisions") };
};
