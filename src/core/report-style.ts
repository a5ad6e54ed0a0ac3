// Core: the style sheet of a drift report, one text. System fonts, colours by variable for light, dark and paper; both series keep
// their contrast for readers who do not see red from green.
import { escaped } from "./report-svg.ts";

/** CSS of the report. */
export const STYLE = `
:root{--bg:#f6f5f1;--card:#fff;--ink:#1d2327;--soft:#5c6770;--line:#dcdad2;--ref:#8fa3b3;--reff:#c3d0da;--cur:#c2410c;--curf:#c2410c1c;--bad:#a4161a;--badb:#fbe3e1;--warn:#8a5a00;--warnb:#fbeecb;--ok:#1f6f4a;--okb:#dff1e6;--mute:#5c6770;--muteb:#ebeae5}
@media (prefers-color-scheme:dark){:root{--bg:#14181b;--card:#1d2327;--ink:#e8e6e0;--soft:#a3adb5;--line:#343c42;--ref:#7f95a6;--reff:#3d4d59;--cur:#ff8a4c;--curf:#ff8a4c22;--bad:#ff9c96;--badb:#4a1f1e;--warn:#f5c25b;--warnb:#44340f;--ok:#7fd6a7;--okb:#16382a;--mute:#a3adb5;--muteb:#2b3237}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:68rem;margin:0 auto;padding:3rem 1.5rem 4rem}
h1{font-size:2.3rem;line-height:1.15;letter-spacing:-.02em;margin:.2rem 0 .6rem}
h2{font-size:1.05rem;margin:2.4rem 0 .8rem}
h3{font-size:1.1rem;margin:0;overflow-wrap:anywhere}
a{color:inherit;text-decoration-color:var(--line);text-underline-offset:.2em}
code{font-size:.8em;color:var(--soft);overflow-wrap:anywhere}
.eyebrow{margin:0;color:var(--soft);font-size:.9rem}
.lede{font-size:1.15rem;max-width:46rem;margin:0 0 2rem;color:var(--soft)}
.sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:1rem}
.side,.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.1rem 1.3rem}
.side h2{margin:0;font-size:.95rem;color:var(--soft);font-weight:600}
.big{font-size:1.9rem;font-weight:650;margin:.2rem 0 .6rem;letter-spacing:-.01em}
.big small{font-size:.95rem;font-weight:400;color:var(--soft)}
dl{display:grid;grid-template-columns:auto 1fr;gap:.15rem .9rem;margin:0;font-size:.9rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.45em;background:var(--reff);border:1.5px solid var(--ref)}
.key.cur{background:var(--curf);border:2px solid var(--cur)}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.42rem .7rem .42rem 0;border-bottom:1px solid var(--line);font-weight:400;vertical-align:middle}
thead th{color:var(--soft);font-size:.82rem}
tbody th code{margin-left:.4em}
.wide{overflow-x:auto}
.n{text-align:right;padding-right:1rem;white-space:nowrap}
.ranking{margin-bottom:2rem}.ranking tbody th{font-weight:600}
.reach{width:160px;height:12px;display:block}
.reach .track{fill:var(--muteb)}.reach .mark{stroke:var(--ink);stroke-width:1.5}
.reach .fill{fill:var(--mute)}.reach .breach{fill:var(--cur)}.reach .watch{fill:var(--warn)}.reach .steady{fill:var(--ok)}
.chip{display:inline-block;white-space:nowrap;font-size:.82rem;font-weight:600;padding:.1rem .6rem;border-radius:99px;background:var(--muteb);color:var(--mute)}
.chip.breach,.chip.broken{background:var(--badb);color:var(--bad)}.chip.watch{background:var(--warnb);color:var(--warn)}.chip.steady{background:var(--okb);color:var(--ok)}
.cards{display:grid;grid-template-columns:1fr 1fr;gap:1rem}.cards>*{min-width:0}.cards>.breach,.cards>.watch{grid-column:1/-1}
.card{margin:0 0 1rem;break-inside:avoid}.cards>.card{margin:0}
.head{display:flex;flex-wrap:wrap;align-items:baseline;gap:.3rem .8rem}
.head .chip{margin-left:auto}
.kind{color:var(--soft);font-size:.88rem}
.say{margin:.25rem 0 .6rem;color:var(--soft)}
figure{margin:0}figcaption{font-size:.82rem;color:var(--soft);display:flex;align-items:center;gap:.1rem}
figcaption .cur{margin-left:1.1rem}
.overlay{width:100%;height:auto;max-height:15rem;display:block}
.overlay .axis{stroke:var(--ref);stroke-width:1}.overlay .grid{stroke:var(--line);stroke-width:1;stroke-dasharray:2 4}
.overlay .tick{fill:var(--soft);font-size:10.5px}
.ref-fill,.ref-bar{fill:var(--reff);stroke:var(--ref);stroke-width:1}
.cur-fill{fill:var(--curf)}.cur-line{fill:none;stroke:var(--cur);stroke-width:2;stroke-linejoin:round}
.cur-bar{fill:var(--cur);fill-opacity:.85}
details{margin-top:.7rem;font-size:.92rem}summary{cursor:pointer;color:var(--soft)}
details{overflow-x:auto}details table{margin-top:.4rem;font-size:.86rem}
footer{margin-top:3rem;color:var(--soft);font-size:.88rem;border-top:1px solid var(--line);padding-top:1rem;max-width:50rem}
@media (max-width:46rem){.ranking thead th:nth-child(3),.ranking td:nth-child(3){display:none}h1{font-size:1.8rem}.cards{grid-template-columns:1fr}main{padding:1.5rem 1rem}}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--ref:#777;--reff:#ddd;--cur:#c2410c;--curf:#c2410c1c;--muteb:#eee}body{font-size:11px}main{max-width:none;padding:0}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}a{text-decoration:none}.card{border-color:#bbb}}
`;

/** A served page names an empty icon, or the browser asks its server for one; a file has nobody to ask. */
const NO_ICON = '<link rel="icon" href="data:,">';

/** The head of a page that stands alone, its styles within. */
export const headOf = (title: string, styles: string, place: "served" | "file"): string =>
  `<!doctype html>
<html lang="en"><head><meta charset="utf-8">${place === "served" ? NO_ICON : ""}<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${escaped(title)}</title><style>${styles}</style></head>`;
