// Formats the report of one part: a table of stalls, the gateway's counters and the verdicts.
import type { Seen } from './part.ts';
import type { Judged } from './verdicts.ts';

/** Gateway counters that are printed with their share of all calls. `-` marks one that the gateway lacks. */
const SHARES = ['retried_calls', 'hedged_calls', 'hedge_wins', 'audited_calls'];
const COUNTS = ['mismatches', 'cordons', 'bans', 'shard_reconnects'];

export function partText(name: string, seen: Seen, judged: Judged): string {
  const { disturbed, rounds, counters, stopped } = seen;
  const { stalls, verdicts, undisturbedGaps, tokens, callsToCordon, degradedHops } = judged;
  const { alteredBits, changedBesideLiar } = judged;
  const counter = (counter: string) => counters.get(`expertgrid_engine_${counter}_total`);
  const calls = counter('expert_calls') ?? Number.NaN;
  const shares = SHARES.map((each) => {
    const value = counter(each);
    return `${each} ${value === undefined ? '-' : `${value} (${((100 * value) / calls).toFixed(2)} %)`}`;
  });
  const faults = rounds.flat().length;
  return [
    `${name}: ${faults} faults in ${rounds.length} rounds, ${disturbed.length} requests, ${tokens} tokens`,
    `gaps without faults: p50 ${ms(undisturbedGaps.p50)}, p99 ${ms(undisturbedGaps.p99)}, max ${ms(undisturbedGaps.max)} ms`,
    '',
    ...table(
      ['fault', 'windows', 'added stall p50 ms', 'p99', 'max', 'target p99'],
      stalls.map(({ name, count, p50, p99, max, atMost }) => [
        name,
        String(count),
        ms(p50),
        ms(p99),
        ms(max),
        atMost === undefined ? '' : `< ${atMost}`,
      ]),
    ),
    '',
    `calls ${calls}, ${shares.join(', ')}`,
    COUNTS.map((each) => `${each} ${counter(each) ?? '-'}`).join(', '),
    `answers with other bits ${alteredBits}; changed texts beside a liar ${changedBesideLiar}; degraded hops ${degradedHops}`,
    ...(callsToCordon.length === 0 ? [] : [`calls of each liar until cordoned: ${callsToCordon.join(' ')}`]),
    ...(stopped === undefined ? [] : [`FAILED ended early: ${stopped}`]),
    ...verdicts.map(({ name, value, atMost, ok }) => {
      return `${ok ? 'ok    ' : 'FAILED'} ${name}: ${Number.isInteger(value) ? value : value.toFixed(1)} (at most ${atMost})`;
    }),
    '',
  ].join('\n');
}

/** Formats rows as padded columns. The first column is aligned left, the others right. */
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

function ms(value: number): string {
  return value.toFixed(1);
}
