// A plan as people read it: what it does beside contiguous placement, and what each shard holds. Pure.

import { formatBytes } from '../../base/format-bytes.ts';
import type { Plan } from '../../infra/placement/plan.ts';
import type { Prediction } from '../../infra/placement/predict.ts';

export interface PlanTableOptions {
  plan: Plan;
  names: readonly string[];
  unitBytes: number;
  /** Rows a step that were planned for. */
  rows: number;
  /** Rows a layer that the heat counted, decayed. */
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
  return [
    `${names.length} shards, ${rows} rows a step, heat of ${Math.round(counted)} rows a layer`,
    '',
    line('predicted', contiguousFits ? 'contiguous' : 'contiguous*', 'plan'),
    of('hottest / mean shard, a layer', ({ hottest }) => hottest.toFixed(3)),
    of('frames a step', ({ frames }) => frames.toFixed(1)),
    ...(predicted.staying === undefined
      ? []
      : [of('rows that stay on their shard', ({ staying = 0 }) => percent(staying))]),
    of('step', ({ stepMicroseconds }) => `${(stepMicroseconds / 1000).toFixed(2)} ms`),
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
  ].join('\n');
}

/** What is said where fewer shards would do better. */
export function fewerWarning({ shards, ratio }: NonNullable<Plan['fewer']>): string {
  const those = shards.length === 1 ? `${shards[0]} alone holds` : `${shards.join(', ')} hold`;
  return `${those} the model and would be ${ratio.toFixed(2)} times as fast by the cost model`;
}
