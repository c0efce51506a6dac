// Prints tables and verdicts.

export interface Verdict {
  name: string;
  value: number;
  atMost: number;
  ok: boolean;
}

/** A value of NaN (nothing was measured) fails. */
export function verdict(name: string, value: number, atMost: number): Verdict {
  return { name, value, atMost, ok: value <= atMost };
}

/** A line that begins with the result of a check. */
export function checkLine(ok: boolean, text: string): string {
  return `${ok ? 'ok    ' : 'FAILED'} ${text}`;
}

/** Prints a line for each check, and sets exit code 1 if one failed. */
export function printChecks(checks: readonly { name: string; ok: boolean }[]): void {
  for (const { name, ok } of checks) console.log(checkLine(ok, name));
  process.exitCode = checks.every(({ ok }) => ok) ? 0 : 1;
}

/** Lines of a table with padded columns. The first column is aligned left, the others right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((cells) => cells[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join(' | ');
  return [line(head), widths.map((width) => '-'.repeat(width)).join('-|-'), ...rows.map(line)];
}
