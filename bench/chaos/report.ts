// Formats the report of one part of the chaos run: a table of stalls, counters of the gateway and verdicts.
import { checkLine, table } from '../print.ts';
import type { Seen } from './part.ts';
import type { Judged } from './verdicts.ts';

/** Counters that are printed with their share of all calls. `-` is printed for a counter that the gateway lacks. */
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
    `answers with changed bits ${alteredBits}; changed texts while a shard lied ${changedBesideLiar}; degraded hops ${degradedHops}`,
    ...(callsToCordon.length === 0
      ? []
      : [`calls of each liar until it was cordoned: ${callsToCordon.join(' ')}`]),
    ...(stopped === undefined ? [] : [checkLine(false, `ended early: ${stopped}`)]),
    ...verdicts.map(({ name, value, atMost, ok }) => {
      const found = Number.isInteger(value) ? value : value.toFixed(1);
      return checkLine(ok, `${name}: ${found} (at most ${atMost})`);
    }),
    '',
  ].join('\n');
}

function ms(value: number): string {
  return value.toFixed(1);
}
