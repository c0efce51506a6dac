// Checks, before anything is loaded, whether the memory and the context that the flags ask for fit the models and the machine. Pure,
// except that it asks for the machine's memory.
import { totalmem } from 'node:os';
import { engineDefaults } from '../../gateway/engine/engine-options.ts';
import type { KvShape } from '../../model/devices/dense.ts';
import { formatBinary } from './binary-size.ts';
import { UsageError } from './flags.ts';

export interface FittedModel {
  id: string;
  /** Longest sequence that the checkpoint supports, in tokens. */
  context: number;
  kv: Pick<KvShape, 'blockSize' | 'blockBytes'>;
}

export interface MemoryFlags {
  context?: number;
  /** Bytes. Absent: the default. */
  kvMemory?: number;
}

/** Memory of the machine in bytes, or of the container if that has less. */
export function machineMemory(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}

/** Bytes for the KV cache unless a flag says otherwise: at most half of the machine's memory. */
export function defaultKvMemory(machine: number): number {
  return Math.min(engineDefaults.kvMemory, Math.floor(machine / 2));
}

export interface Fit {
  /** Bytes, all models together. */
  kvMemory: number;
  /** Problems with which the models can still be served. */
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

/** Bytes for one sequence of full length. */
function wholeBytes({ kv, context: own }: FittedModel, context = own): number {
  return Math.ceil(context / kv.blockSize) * kv.blockBytes;
}
