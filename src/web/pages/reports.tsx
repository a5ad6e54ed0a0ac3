// Web page: the kept reports of a model, newest day first: each a page of its own that opens without the dashboard, and its JSON.
import type { ReportItem } from "../../../contracts/report.ts";
import { plain, short } from "../parts/format.ts";
import { Card, Table } from "../parts/small.tsx";
import { Show, useRead } from "../resource.tsx";

/** The page. */
export const Reports = ({ model }: { model: string }) => {
  const base = `models/${encodeURIComponent(model)}/reports`;
  const list = useRead<{ items: ReportItem[] }>(base);
  return (
    <>
      <h1 tabIndex={-1}>Reports</h1>
      <Card title="Reports by day" wide>
        <p class="quiet">Each day is reported once it has been decided, and never changed afterwards.</p>
        <Show
          of={list}
          empty={{
            when: ({ items }) => items.length === 0,
            say: "No day is kept yet. One is written when it has been decided; flyball report --window DAY writes an older one.",
          }}
        >
          {({ items }) => (
            <Table caption="Reports" head={["Day", "What happened", "As data", "SHA-256"]}>
              {items.map(({ day, headline, sha256 }) => (
                <tr key={day}>
                  <th scope="row">
                    <a href={`/api/v1/${base}/${day}/page`}>{day}</a>
                  </th>
                  <td class="text">{plain(headline)}</td>
                  <td>
                    <a href={`/api/v1/${base}/${day}`} aria-label={`JSON of ${day}`}>
                      JSON
                    </a>
                  </td>
                  <td>
                    <code title={sha256}>{short(sha256)}</code>
                  </td>
                </tr>
              ))}
            </Table>
          )}
        </Show>
      </Card>
    </>
  );
};
