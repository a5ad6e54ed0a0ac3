// Adapter: reports of whole days under `<home>/reports/<model>/`: `<day>.json`, and `<day>.html` made from it. Written once, synced, read-only;
// the JSON is linked last and vouches for the page. A name that is no model's or no day's is nobody's file.
import { createHash, randomUUID } from "node:crypto";
import { link, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { ModelReport, type ReportItem } from "../../contracts/report.ts";
import { canonicalJson } from "../core/canonical.ts";
import { headlineOf } from "../core/report-day.ts";
import { reportPage } from "../core/report-day-html.ts";
import type { KeepsReports } from "../ports-reading.ts";
import { isCode, makeDirectory, syncPath, writeNew } from "./durable.ts";

const MODEL = /^[A-Za-z0-9][\w.-]{0,127}$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
/** Listed at most: a year and a bit. */
const LISTED_MAX = 400;

/** Opens the reports of a home folder. */
export const createReportStore = (home: string): KeepsReports => {
  const folderOf = (model: string): string => {
    if (!MODEL.test(model)) throw new Error(`${model.slice(0, 80)} is no model's name`);
    return path.join(home, "reports", model);
  };
  const read: KeepsReports["read"] = async (model, day, as) => {
    if (!MODEL.test(model) || !DAY.test(day)) return null;
    return textOf(path.join(folderOf(model), `${day}.${as}`));
  };
  return {
    read,
    has: async (model, day) => (await read(model, day, "json")) !== null,
    keep: async (day, report) => {
      if (!DAY.test(day)) throw new Error(`${day.slice(0, 40)} is no day`);
      const folder = folderOf(report.model);
      await makeDirectory(folder);
      // A page without its JSON was left by a crash: it is made again from what will be kept.
      if (await read(report.model, day, "json").then((known) => known !== null)) return false;
      await rm(path.join(folder, `${day}.html`), { force: true });
      await putNew(folder, `${day}.html`, reportPage(report));
      return putNew(folder, `${day}.json`, `${canonicalJson(report)}\n`);
    },
    list: async (model) => {
      if (!MODEL.test(model)) return [];
      const names = await readdir(folderOf(model)).catch((cause: unknown) => {
        if (isCode(cause, "ENOENT")) return [];
        throw cause;
      });
      const days = names.flatMap((name) =>
        /^\d{4}-\d{2}-\d{2}\.json$/.test(name) ? [name.slice(0, 10)] : [],
      );
      const newest = days.sort().reverse().slice(0, LISTED_MAX);
      const items = await Promise.all(newest.map(async (day) => itemOf(day, await read(model, day, "json"))));
      return items.filter((item) => item !== null);
    },
  };
};

const itemOf = (day: string, text: string | null): ReportItem | null => {
  if (text === null) return null;
  const report = ModelReport.parse(JSON.parse(text));
  const sha256 = createHash("sha256").update(text).digest("hex");
  return { model: report.model, day, headline: headlineOf(report), sha256 };
};

/** Whole or not at all, never over another file; false where one is there. */
const putNew = async (folder: string, name: string, content: string): Promise<boolean> => {
  const draft = path.join(folder, `.${name}.${randomUUID()}`);
  try {
    await writeNew(draft, content, 0o444);
    await link(draft, path.join(folder, name));
  } catch (cause) {
    if (isCode(cause, "EEXIST")) return false;
    throw cause;
  } finally {
    await rm(draft, { force: true });
  }
  await syncPath(folder);
  return true;
};

const textOf = async (file: string): Promise<string | null> => {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if (isCode(cause, "ENOENT")) return null;
    throw cause;
  }
};
