// Bench: real tables in memory, each read whole by a feature contract: the shipped one where there is one, else written here. The
// files are not part of the repository; a folder without them is an error that says so. Never keeps a row anywhere.
import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { FeatureContract } from "../contracts/feature-contract.ts";
import { projectRoot } from "../src/adapters/config.ts";
import { createCsvReader } from "../src/adapters/csv.ts";
import { parseContract } from "../src/core/contract.ts";
import type { Column } from "../src/core/encode.ts";

/** A table by columns in row order; `label` 1 positive, 0 negative. */
export interface Table {
  readonly name: string;
  readonly contract: FeatureContract;
  readonly columns: Readonly<Record<string, Column>>;
  readonly label: Uint8Array;
  readonly rows: number;
}

/** Where the public tables lie: beside the checkout, unless the environment names a folder. */
export const tablesFolder = (): string =>
  path.resolve(process.env["FLYBALL_TABLES"] ?? path.join(projectRoot(), "..", "shared", "data"));

/** Reads one table of FILES, or of the streams named `folder/file`. */
export const readTable = (name: string): Table => {
  const file = FILES[name] ?? `${name}.csv.gz`;
  const contract = contractOf(name);
  const text = gunzipSync(readFileSync(path.join(tablesFolder(), file)));
  const { delimiter, null_values } = contract.source;
  const features = Object.entries(contract.features);
  const cells = features.map(([, spec]) => (spec.kind === "nominal" ? new Words() : new Numbers()));
  const label: number[] = [];
  let places: number[] = [];
  let labelPlace = -1;
  const reader = createCsvReader({
    delimiter,
    onRow: ({ bytes, starts, ends, cells: count }, number) => {
      const cell = (at: number): string => bytes.toString("utf8", starts[at], ends[at]);
      if (number === 1) {
        const header = Array.from({ length: count }, (_, at) => cell(at));
        places = features.map(([feature]) => placeOf(header, feature, file));
        labelPlace = placeOf(header, contract.label.name, file);
        return;
      }
      places.forEach((place, at) => {
        const value = cell(place);
        cells[at]?.put(null_values.includes(value) ? null : value);
      });
      label.push(isPositive(cell(labelPlace), contract) ? 1 : 0);
    },
    onProblem: (problem, number) => {
      throw new Error(`${file}, row ${number}: ${problem}`);
    },
  });
  reader.push(text);
  reader.end();
  const columns = Object.fromEntries(
    features.map(([feature], at): [string, Column] => [feature, cells[at]?.column() ?? new Float64Array(0)]),
  );
  return { name, contract, columns, label: Uint8Array.from(label), rows: label.length };
};

const FILES: Readonly<Record<string, string>> = {
  "adult-census": "adult-census/adult-train.csv.gz",
  "bank-marketing": "bank-marketing/bank-additional-full.csv.gz",
  "give-me-some-credit": "give-me-some-credit/cs-training.csv.gz",
  elec2: "elec2/electricity.csv.gz",
  "hotel-bookings": "hotel-bookings/hotel-bookings-by-arrival.csv.gz",
  "bank-churn": "bank-churn/Churn_Modelling.csv.gz",
  "noaa-weather": "noaa-weather/ne-weather.csv.gz",
};

const placeOf = (header: readonly string[], column: string, file: string): number => {
  const place = header.indexOf(column);
  if (place < 0) throw new Error(`${file} has no column ${column}`);
  return place;
};

const isPositive = (cell: string, { label }: FeatureContract): boolean => {
  const means = (value: string | number): boolean =>
    typeof value === "number" ? Number(cell) === value : cell === value;
  if (!means(label.positive) && !means(label.negative)) throw new Error(`${cell} is no label`);
  return means(label.positive);
};

/** A growing column of numbers; null is missing. */
class Numbers {
  readonly #values: number[] = [];
  put(cell: string | null): void {
    this.#values.push(cell === null ? NaN : Number(cell));
  }
  column(): Column {
    return Float64Array.from(this.#values);
  }
}

/** A growing column of text by dictionary; null is missing. */
class Words {
  readonly #indices: number[] = [];
  readonly #places = new Map<string, number>();
  put(cell: string | null): void {
    if (cell === null) return void this.#indices.push(0xffffffff);
    const place = this.#places.get(cell) ?? this.#places.size;
    this.#places.set(cell, place);
    this.#indices.push(place);
  }
  column(): Column {
    return { dictionary: [...this.#places.keys()], indices: Uint32Array.from(this.#indices) };
  }
}

const SHIPPED = ["adult-census", "bank-marketing", "give-me-some-credit", "elec2"];

const contractOf = (name: string): FeatureContract => {
  if (!SHIPPED.includes(name)) return drafted(name);
  const file = `${name}@1.0.0.yaml`;
  const parsed = parseContract(
    readFileSync(path.join(projectRoot(), "contracts", "features", file), "utf8"),
    file,
  );
  if (!parsed.ok) throw new Error(`${file} is not a contract`);
  return parsed.contract;
};

type Draft = {
  readonly label: string;
  readonly numbers: string;
  readonly words?: string;
  readonly nulls?: readonly string[];
};

/** Columns of the tables without a shipped contract; what is not listed is an identifier, a date or gives the label away. */
const DRAFTS: Readonly<Record<string, Draft>> = {
  "hotel-bookings": {
    label: "is_canceled",
    numbers:
      "lead_time stays_in_weekend_nights stays_in_week_nights adults children babies is_repeated_guest previous_cancellations previous_bookings_not_canceled booking_changes days_in_waiting_list adr required_car_parking_spaces total_of_special_requests",
    words:
      "hotel meal country market_segment distribution_channel reserved_room_type deposit_type customer_type",
    nulls: ["NULL", "NA"],
  },
  "bank-churn": {
    label: "Exited",
    numbers: "CreditScore Age Tenure Balance NumOfProducts HasCrCard IsActiveMember EstimatedSalary",
    words: "Geography Gender",
  },
  "noaa-weather": {
    label: "rain",
    numbers:
      "temperature dew_point sea_level_pressure visibility avg_wind_speed max_sustained_wind_speed max_temperature min_temperature",
  },
  "sea-50k/sea": { label: "class", numbers: "x1 x2 x3" },
  "souza-2cdt/2cdt": { label: "class", numbers: "x1 x2" },
  sine: { label: "class", numbers: "X1 X2" },
  sea: { label: "class", numbers: "X1 X2 X3" },
  mixed: { label: "class", numbers: "X1 X2 X3 X4" },
  stagger: { label: "class", numbers: "", words: "X1 X2 X3" },
};

const drafted = (name: string): FeatureContract => {
  const draft = DRAFTS[name] ?? DRAFTS[/^harvard-drift\/([a-z]+)_/.exec(name)?.[1] ?? ""];
  if (draft === undefined) throw new Error(`no contract for the table ${name}`);
  const named = (list: string | undefined): string[] => (list ?? "").split(" ").filter((word) => word !== "");
  return FeatureContract.parse({
    name: name.replaceAll("/", "-"),
    version: "1.0.0",
    source: { null_values: draft.nulls ?? [""] },
    label: { name: draft.label, positive: 1, negative: 0 },
    event_time: null,
    missing: "allow",
    features: Object.fromEntries([
      ...named(draft.numbers).map((f) => [f, { kind: "continuous", min: -1e9, max: 1e9 }]),
      ...named(draft.words).map((f) => [f, { kind: "nominal", values: "frozen", unseen: "other" }]),
    ]),
  });
};
