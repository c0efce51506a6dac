// A simulated day of a cell that the rules scale: `node bench/scaling/day.ts [options]`. Prints the figures of the rules, of variations
// and of two baselines, and the ten worst minutes with the reason of each, and draws the day. The last line is JSON. docs/scaling.md
// explains them.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exampleCell } from '../../infra/scaling/simulator/cell-model.ts';
import { clock, explain, worstMinutes } from '../../infra/scaling/simulator/explain.ts';
import { oraclePlan, peakCounts } from '../../infra/scaling/simulator/needed.ts';
import { settingsOf } from '../../infra/scaling/simulator/settings.ts';
import {
  type Counts,
  type Outcome,
  type Steering,
  simulate,
} from '../../infra/scaling/simulator/simulate.ts';
import { type Summary, summaryOf } from '../../infra/scaling/simulator/summary.ts';
import { arrivals, exampleDay } from '../../infra/scaling/simulator/traffic.ts';
import { uniform } from '../../test/support/random.ts';
import { commitHere } from '../commit.ts';
import { readFlags } from '../flags.ts';
import { table } from '../print.ts';
import { sum } from '../statistics.ts';
import { type Chart, dayCharts } from './draw.ts';
import { theDefault, type Variation, variations } from './variations.ts';

const usage = `node bench/scaling/day.ts [options]
  --seeds N      days to simulate, each with other requests; figures are means of them (default 5)
  --busiest N    requests a second of the daily curve at noon (default 1.6)
  --quick        only the default rules and the baselines
  --plot FILE    SVG file of the first day (default docs/plots/scaling-day.svg)
  --no-plot      draw nothing
`;
const flags = readFlags({
  ...{ seeds: '5', busiest: '1.6', quick: false, help: false, 'no-plot': false },
  plot: join(import.meta.dirname, '..', '..', 'docs', 'plots', 'scaling-day.svg'),
});
if (flags.help) {
  process.stdout.write(usage);
  process.exit(0);
}

const WORST = 10;
/** A slot of the charts, in minutes. */
const SLOT_MINUTES = 5;
const HEAD = [
  'rules',
  'wait p99, s',
  'most',
  'over 10 s',
  'slow',
  'changes',
  'core hours',
  'GiB hours',
  'cost, $',
];

interface Day {
  requests: number;
  /** Gateways, and shards of each group, of the busiest minute. */
  peak: Counts;
  scaled: Outcome;
  oracle: Outcome;
  fixed: Outcome;
  summaries: ReadonlyMap<string, Summary>;
}

const cell = exampleCell;
const traffic = exampleDay(Number(flags.busiest));
const startedAt = performance.now();
const commit = commitHere();
const days = Array.from({ length: Number(flags.seeds) }, (_, i) => simulateDay(i + 1));
const [first] = days;
if (first === undefined) throw new Error('--seeds must be at least 1');
const means = new Map([...first.summaries.keys()].map((name) => [name, meanOf(days, name)]));
console.log(`${days.map(({ requests }) => requests).join(', ')} requests`);
console.log(`fixed at peak: ${first.peak.join(', ')} gateways and shards of each group on the first day`);
console.log(
  table(
    HEAD,
    [...means].map(([name, summary]) => row(name, summary)),
  ).join('\n'),
);
console.log(`\nThe ${WORST} worst minutes of the first day with the default rules`);
for (const minute of worstMinutes(first.scaled, WORST)) {
  const late = `${minute.late} of ${minute.requests} requests waited over 10 s, p99 ${minute.waitP99.toFixed(0)} s`;
  const reason = explain({ outcome: first.scaled, cell, traffic }, minute);
  console.log(`${clock(minute.second)} ${late}: ${reason}`);
}
if (!flags['no-plot']) await writeFile(flags.plot, dayCharts('A day of a cell', charts(first)));
const seconds = Math.round((performance.now() - startedAt) / 1000);
console.log(JSON.stringify({ commit, seeds: days.length, seconds, ...Object.fromEntries(means) }));

function simulateDay(seed: number): Day {
  const requests = arrivals(traffic, uniform(seed));
  const least = [cell.gateway, ...cell.groups].map(({ min }) => min);
  const peak = peakCounts(cell, requests, traffic.seconds);
  const run = (steering: Steering, start: Counts) =>
    simulate({ cell, requests, seconds: traffic.seconds, steering, start });
  const summaries = new Map<string, Summary>();
  const summed = (name: string, outcome: Outcome) => {
    summaries.set(name, summaryOf(outcome, requests, cell.prices));
    return outcome;
  };
  const ruled = ({ name, rules }: Variation) =>
    summed(name, run({ by: 'rules', settings: settingsOf(cell, rules) }, least));
  const scaled = ruled(theDefault);
  for (const variation of flags.quick ? [] : variations) ruled(variation);
  const oracle = summed(
    'oracle',
    run({ by: 'plan', counts: oraclePlan(cell, requests, traffic.seconds) }, least),
  );
  const fixed = summed('fixed at peak', run({ by: 'plan', counts: () => peak }, peak));
  return { requests: requests.length, peak, scaled, oracle, fixed, summaries };
}

function meanOf(of: readonly Day[], name: string): Summary {
  const own = of.flatMap(({ summaries }) => summaries.get(name) ?? []);
  const mean = (field: keyof Summary) => sum(own.map((summary) => summary[field])) / own.length;
  return {
    ...{ waitP50: mean('waitP50'), waitP99: mean('waitP99'), waitMost: mean('waitMost'), late: mean('late') },
    ...{ slow: mean('slow'), changes: mean('changes'), coreHours: mean('coreHours') },
    ...{ gibHours: mean('gibHours'), cost: mean('cost') },
  };
}

function row(name: string, summary: Summary): string[] {
  const { waitP99, waitMost, late, slow, changes, coreHours, gibHours, cost } = summary;
  return [
    ...[name, waitP99.toFixed(1), waitMost.toFixed(0)],
    ...[late, slow, changes, coreHours, gibHours].map((value) => value.toFixed(0)),
    cost.toFixed(2),
  ];
}

function charts({ scaled, oracle, fixed }: Day): Chart[] {
  const highest = (from: Outcome, of: (minute: Outcome['minutes'][number]) => number) =>
    slots(from, of, Math.max);
  const perHour = (from: Outcome) => {
    const { coreHour, gibHour } = cell.prices;
    const ofMinute = (minute: Outcome['minutes'][number]) =>
      minute.coreHours * coreHour + minute.gibHours * gibHour;
    return slots(from, ofMinute, (...values) => (60 * sum(values)) / values.length);
  };
  const shards = (from: Outcome) =>
    highest(from, ({ replicas }) => sum(replicas.slice(1).map(({ current }) => current)));
  return [
    {
      title: 'Pods',
      lines: [
        { name: 'gateways', values: highest(scaled, ({ replicas }) => replicas[0]?.current ?? 0) },
        { name: 'shards', values: shards(scaled) },
      ],
    },
    {
      title: 'Wait of requests, p99 of the worst minute, seconds',
      lines: [
        { name: 'rules', values: highest(scaled, ({ waitP99 }) => waitP99) },
        { name: 'oracle', values: highest(oracle, ({ waitP99 }) => waitP99) },
      ],
    },
    {
      title: 'Cost, $ an hour',
      lines: [
        { name: 'rules', values: perHour(scaled) },
        { name: 'oracle', values: perHour(oracle) },
        { name: 'fixed at peak', values: perHour(fixed) },
      ],
    },
  ];
}

/** Joins the minutes of each slot. The infinite waits of refused requests are drawn as the length of a slot. */
function slots(
  { minutes }: Outcome,
  of: (minute: Outcome['minutes'][number]) => number,
  join: (...values: number[]) => number,
): number[] {
  const count = Math.ceil(minutes.length / SLOT_MINUTES);
  return Array.from({ length: count }, (_, i) => {
    const values = minutes.slice(i * SLOT_MINUTES, (i + 1) * SLOT_MINUTES).map(of);
    return join(...values.map((value) => (Number.isFinite(value) ? value : 60 * SLOT_MINUTES)));
  });
}
