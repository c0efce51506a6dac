// Prints rows as columns on standard output.

export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  // Control characters could change what the terminal shows.
  const texts = rows.map((row) => row.map((cell) => String(cell).replace(/\p{Cc}/gu, '?')));
  const widths = head.map((title, i) => Math.max(title.length, ...texts.map((row) => row[i]?.length ?? 0)));
  for (const row of [head, ...texts]) {
    const line = row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ');
    process.stdout.write(`${line.trimEnd()}\n`);
  }
}
