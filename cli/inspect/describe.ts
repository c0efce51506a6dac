// The text that `expertgrid inspect` prints. Pure.
import { formatBytes } from '../../base/format-bytes.ts';
import { formatBinary } from '../flags/flags.ts';
import type { ModelFacts, PrecisionFacts } from './facts.ts';

/** What was found at a path. */
export interface Inspection {
  path: string;
  /** What the path is, such as `a Hugging Face checkpoint`. */
  is: string;
  /** Facts beside the model's shape: name and value. */
  files: readonly (readonly [name: string, value: string])[];
  model: ModelFacts | undefined;
  /** Whether it can be served, and otherwise why not. */
  served: boolean;
  reason: string | undefined;
  /** A command line that the user can run next. */
  next: string | undefined;
}

export function describeInspection(found: Inspection, shardMemory: number): string {
  const { path, is, files, model, served, reason, next } = found;
  const lines = [`${path}: ${is}`];
  const rows = [...(model === undefined ? [] : modelRows(model)), ...files];
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  for (const [name, value] of rows) lines.push(`  ${name.padEnd(width)}  ${value}`);
  if (model !== undefined) lines.push('', ...precisionTable(model, shardMemory));
  lines.push('', served ? 'It will be served.' : `It will not be served: ${reason}`);
  if (next !== undefined) lines.push(`Next: ${next}`);
  return `${lines.join('\n')}\n`;
}

function modelRows(model: ModelFacts): [string, string][] {
  const { layers, layersWithExperts, experts, perToken, heads, kvHeads, headDim } = model;
  const [least, most] = perToken;
  const each = least === most ? `${most}` : `${least} to ${most}`;
  const where =
    layersWithExperts === layers ? `${layers}` : `${layers}, of which ${layersWithExperts} have experts`;
  return [
    ['layout', model.layout],
    ['parameters', `${billions(model.parameters)}, ${billions(model.activeParameters)} for each token`],
    ['layers', where],
    ['experts', `${experts} in a layer, ${each} for each token, ${model.inner} wide`],
    ['hidden', `${model.hidden}, ${heads} query and ${kvHeads} key heads of ${headDim}`],
    ['vocabulary', `${grouped(model.vocab)}${model.tiedEmbeddings ? ', head tied to the embedding' : ''}`],
    ['context', `${grouped(model.context)} positions, ${formatBytes(model.positionBytes)} of KV memory each`],
    ['computes', model.features.join('; ')],
  ];
}

function precisionTable({ precisions }: ModelFacts, shardMemory: number): string[] {
  const header = [
    'bits',
    'bundle',
    'gateway',
    'experts',
    'one expert',
    `shards of ${formatBinary(shardMemory)}`,
  ];
  const rows = precisions.map((each) => cellsOf(each));
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [header, ...rows].map(
    (row) => `  ${row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  ')}`,
  );
}

function cellsOf({ bits, bundle, dense, experts, unit, shards }: PrecisionFacts): string[] {
  return [
    `${bits}`,
    ...[bundle, dense, experts, unit].map(formatBytes),
    shards === undefined ? 'none fits' : `${shards}`,
  ];
}

function billions(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(2)} billion` : `${(count / 1e6).toFixed(1)} million`;
}

function grouped(count: number): string {
  return count.toLocaleString('en-GB');
}
