// Formats the table that `npm run test:clients` prints.

export interface Line {
  client: string;
  /** `package version` of each tried package. */
  versions: string[];
  model: string;
  /** Text that says what was tried or what failed. */
  tried: string;
  result: 'passed' | 'failed' | 'left out';
  seconds: number;
}

const HEAD = ['client', 'version', 'model', 'tried', 'result', 'seconds'];
/**
 * Largest number of characters of a cell on a terminal, and of a failure in Markdown. The last line, which is JSON, has
 * the whole text.
 */
const WIDEST = 70;
const LONGEST_FAILURE = 200;

export function table(lines: readonly Line[], markdown: boolean): string {
  const rows = lines.map(({ client, versions, model, tried, result, seconds }) =>
    [
      client,
      versions.join(', '),
      model,
      result === 'passed' ? tried : shortened(tried, LONGEST_FAILURE),
      result,
      seconds.toFixed(1),
    ].map((cell) => cell.replace(/\s+/g, ' ')),
  );
  return markdown ? markdownOf(rows) : plainOf(rows);
}

function markdownOf(rows: readonly string[][]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const rule = HEAD.map(() => '---');
  return [HEAD, rule, ...escaped].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function plainOf(rows: readonly string[][]): string {
  const cut = [HEAD, ...rows].map((row) => row.map((cell) => shortened(cell, WIDEST)));
  const widths = HEAD.map((_, i) => Math.max(...cut.map((row) => row[i]?.length ?? 0)));
  return cut
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function shortened(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}
