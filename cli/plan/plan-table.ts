// Formats a plan as text: its predictions beside those of contiguous placement, and a line for each shard. Pure.
import { formatBytes } from '../../base/format-bytes.ts';
import { homeList, homeUnits } from '../../infra/placement/home.ts';
import type { HomePlan, Plan } from '../../infra/placement/plan.ts';
import type { Prediction } from '../../infra/placement/predict.ts';

export interface PlanTableOptions {
  plan: Plan;
  names: readonly string[];
  unitBytes: number;
  /** Rows per step that the plan assumes. */
  rows: number;
  /** Rows per layer that the gateway counted. Older rows count less. */
  counted: number;
}

export function planTable({ plan, names, unitBytes, rows, counted }: PlanTableOptions): string {
  const { contiguous, predicted, contiguousFits, units } = plan;
  const line = (title: string, before: string, after: string) =>
    `${title.padEnd(34)}${before.padStart(12)}${after.padStart(12)}`;
  const of = (title: string, show: (prediction: Prediction) => string) =>
    line(title, show(contiguous), show(predicted));
  const width = Math.max(5, ...names.map((name) => name.length));
  const shard = (name: string, cells: readonly string[]) =>
    `${name.padEnd(width)}${cells.map((cell) => cell.padStart(14)).join('')}`;
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  const gateways = plan.home && gatewaysOf(plan.home, unitBytes);
  const beside = (title: string, show: (prediction: Prediction) => string) =>
    line(title, show(predicted), show(gateways?.predicted ?? predicted));
  return [
    `${names.length} shards, ${rows} rows per step, heat of ${Math.round(counted)} rows per layer`,
    '',
    line('predicted', contiguousFits ? 'contiguous' : 'contiguous*', 'plan'),
    of('hottest / mean shard of a layer', ({ hottest }) => hottest.toFixed(3)),
    of('frames per step', ({ frames }) => frames.toFixed(1)),
    ...(predicted.staying === undefined
      ? []
      : [of('rows that stay on their shard', ({ staying = 0 }) => percent(staying))]),
    of('step', milliseconds),
    ...(contiguousFits ? [] : ['* does not fit into the memory of every shard']),
    '',
    shard('shard', ['experts', 'memory', 'load', 'hottest layer']),
    ...names.map((name, index) => {
      const loads = predicted.loads.map((ofLayer) => ofLayer[index]!);
      const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
      return shard(name, [
        String(units[index]),
        formatBytes(units[index]! * unitBytes),
        percent(mean),
        percent(Math.max(...loads)),
      ]);
    }),
    '',
    ...(gateways === undefined
      ? []
      : [
          line('predicted for gateways', 'without', 'with'),
          line('experts on each gateway', '0', String(gateways.units)),
          beside('rows that stay in the gateway', ({ home }) => percent(home)),
          beside('layers that call shards, per step', ({ hops }) => hops.toFixed(1)),
          beside('step', milliseconds),
          '',
          `${gateways.gain.toFixed(2)} times as fast, with ${formatBytes(gateways.bytes)} on each gateway:`,
          `expertgrid gateway --experts ${gateways.experts}`,
          '',
        ]),
  ].join('\n');
}

function milliseconds({ stepMicroseconds }: Prediction): string {
  return `${(stepMicroseconds / 1000).toFixed(2)} ms`;
}

/** The experts that each gateway holds itself, with the list for `gateway --experts`. */
export function gatewaysOf({ home, order, predicted, gain }: HomePlan, unitBytes: number) {
  const units = homeUnits(home).length;
  return { experts: homeList(home), units, bytes: units * unitBytes, order, predicted, gain };
}

/** Warns that a placement on fewer shards is predicted to be faster. */
export function fewerWarning({ shards, ratio }: NonNullable<Plan['fewer']>): string {
  const names = shards.join(', ');
  const those = shards.length === 1 ? `shard ${names} alone holds` : `shards ${names} hold`;
  const are = shards.length === 1 ? 'is' : 'are';
  return `${those} the model, and ${are} predicted to be ${ratio.toFixed(2)} times as fast`;
}
