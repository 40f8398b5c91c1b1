/** Of the status page. Follows the reader's light or dark; one column on a phone. */
export const style = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1d2430, #e4e8ef);
  --quiet: light-dark(#5b6675, #9aa5b4);
  --page: light-dark(#f4f6f9, #12161d);
  --card: light-dark(#ffffff, #1b212b);
  --line: light-dark(#dde2ea, #2e3745);
  --good: light-dark(#17703f, #5fd08c);
  --bad: light-dark(#b3261e, #ff8a80);
  --busy: light-dark(#8a5a00, #f2c063);
  --accent: light-dark(#2458c5, #7ea8ff);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
header, main { max-width: 80rem; margin: 0 auto; padding: 1rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; padding-bottom: 0; }
h1 { font-size: 1.25rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .25rem 0; }
.quiet { color: var(--quiet); }
#stale { color: var(--bad); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 0 0 1rem; }
.state { font-weight: 600; white-space: nowrap; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.busy { color: var(--busy); }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: .75rem 0 1rem; }
dt { color: var(--quiet); font-size: .85rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--quiet); font-weight: normal; font-size: .85rem; }
th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td { overflow-wrap: anywhere; }
td.name { min-width: 9rem; }
td.number, th.number { text-align: right; overflow-wrap: normal; }
svg { display: block; max-width: 100%; margin-top: .15rem; }
line { stroke: var(--line); }
polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; stroke-linejoin: round; }
polygon { fill: var(--accent); opacity: .15; }
@media (max-width: 50rem) {
  table, tbody, tr, td { display: block; width: 100%; }
  thead { display: none; }
  tr { border-top: 1px solid var(--line); padding: .5rem 0; }
  td, td.number { display: flex; justify-content: space-between; gap: 1rem; border: 0; padding: .15rem 0; text-align: right; }
  td::before { content: attr(data-label); color: var(--quiet); text-align: left; flex: none; }
}
`;
