export const chartTitles = {
  overview: 'Beside the built-in component, through daprd',
  latency: 'Latency at 500 messages a second, from when a message is due to its arrival',
  socket: 'At the socket, without daprd',
  million: 'Resident size while a long stream is delivered',
} as const;

export type ChartName = keyof typeof chartTitles;

/** Returns the lines that show charts in a page. */
export function showCharts(...names: ChartName[]): string[] {
  return names.flatMap((name) => [`![${chartTitles[name]}](charts/${name}.svg)`, '']);
}
