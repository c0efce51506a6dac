// Whether what the flags ask of memory and context fits the models and the machine, said before anything is loaded. Pure but for
// the machine's own memory.
import { totalmem } from 'node:os';
import { engineDefaults } from '../../gateway/engine/engine-options.ts';
import type { KvShape } from '../../model/devices/dense.ts';
import { formatBinary } from './binary-size.ts';
import { UsageError } from './flags.ts';

export interface FittedModel {
  id: string;
  /** Most tokens of a sequence that the checkpoint was made for. */
  context: number;
  kv: Pick<KvShape, 'blockSize' | 'blockBytes'>;
}

export interface MemoryFlags {
  context?: number;
  /** Bytes; absent: the default. */
  kvMemory?: number;
}

/** Of the machine, or of the container if that has less. Bytes. */
export function machineMemory(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}

/** For keys and values if nothing is said: never more than half of the machine's. Bytes. */
export function defaultKvMemory(machine: number): number {
  return Math.min(engineDefaults.kvMemory, Math.floor(machine / 2));
}

export interface Fit {
  /** Bytes, all models together. */
  kvMemory: number;
  /** What is worth a word though it can be served. */
  warnings: string[];
}

/** Throws a UsageError if the flags cannot be served. */
export function fitModels(
  models: readonly FittedModel[],
  { context, kvMemory: given }: MemoryFlags,
  machine: number,
): Fit {
  for (const model of models) requireContext(model, context);
  if (given !== undefined && given > machine) {
    const one = formatBinary(models.length * Math.max(...models.map((each) => wholeBytes(each, context))));
    throw new UsageError(
      `--kv-memory ${formatBinary(given)}: this machine has ${formatBinary(machine, Math.floor)} of memory. Give less; ` +
        `${one} hold one request of full length`,
    );
  }
  const kvMemory = given ?? defaultKvMemory(machine);
  const share = Math.floor(kvMemory / models.length);
  const told = `--kv-memory ${formatBinary(kvMemory)}`;
  const each = models.length > 1 ? ` (${formatBinary(share)} for each of ${models.length} models)` : '';
  const warnings: string[] = [];
  for (const model of models) {
    const { id, kv } = model;
    const tokens = Math.floor(share / kv.blockBytes) * kv.blockSize;
    const wanted = context ?? model.context;
    const whole = `${formatBinary(models.length * wholeBytes(model, context))} hold its context of ${wanted} tokens`;
    if (tokens === 0) {
      throw new UsageError(
        `${told}${each}: ${id} needs at least ${formatBinary(models.length * kv.blockBytes)}, which hold ${kv.blockSize} ` +
          `tokens; ${whole}`,
      );
    }
    if (tokens >= wanted) continue;
    warnings.push(
      `${told}${each} holds ${tokens} tokens of ${id}: longer requests are refused. ${whole}; give that, or --context ${tokens}`,
    );
  }
  return { kvMemory, warnings };
}

function requireContext({ id, context: own }: FittedModel, context: number | undefined): void {
  if (context === undefined || context <= own) return;
  throw new UsageError(
    `--context ${context}: ${id} has a context of ${own} tokens. Give at most ${own}, or leave --context out`,
  );
}

/** For one sequence that is as long as may be. */
function wholeBytes({ kv, context: own }: FittedModel, context = own): number {
  return Math.ceil(context / kv.blockSize) * kv.blockBytes;
}
