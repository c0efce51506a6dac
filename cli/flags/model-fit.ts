// Checks whether --context, --kv-memory and the flags about experts per token fit the models and the machine, before anything is
// loaded. Pure, except `machineMemory`.
import { totalmem } from 'node:os';
import {
  type ExpertField,
  type ExpertSettings,
  routingOf,
} from '../../gateway/api/requests/expert-settings.ts';
import { engineDefaults } from '../../gateway/engine/engine-options.ts';
import type { KvShape } from '../../model/devices/dense.ts';
import { perTokenOf } from '../../router/selection.ts';
import { formatBinary, UsageError } from './flags.ts';

/** Flags that set how many experts a token uses if its request does not say. */
export interface ExpertFlags {
  expertsPerToken?: number | number[];
  expertBudget?: number;
  expertPolicy?: NonNullable<ExpertSettings['expert_policy']>;
}

export interface RoutedModel {
  id: string;
  /** Layers with experts. */
  layers: number;
  /** Experts of each layer. */
  experts: number;
  routing: Parameters<typeof perTokenOf>[0];
}

export interface FittedModel {
  id: string;
  /** Longest sequence that the checkpoint supports, in tokens. */
  context: number;
  kv: Pick<KvShape, 'blockSize' | 'blockBytes'>;
}

const expertFlags: Record<ExpertField, string> = {
  experts_per_token: '--experts-per-token',
  expert_budget: '--expert-budget',
  expert_policy: '--expert-policy',
};

/** The flags' settings of how many experts a token uses. Undefined: none are given. Throws a UsageError if a model does not take them. */
export function fitExperts(
  models: readonly RoutedModel[],
  { expertsPerToken, expertBudget, expertPolicy }: ExpertFlags,
): ExpertSettings | undefined {
  const settings: ExpertSettings = {
    ...(expertsPerToken !== undefined && { experts_per_token: expertsPerToken }),
    ...(expertBudget !== undefined && { expert_budget: expertBudget }),
    ...(expertPolicy !== undefined && { expert_policy: expertPolicy }),
  };
  if (Object.keys(settings).length === 0) return undefined;
  for (const { id, layers, experts, routing: rule } of models) {
    const shape = { layers, perToken: perTokenOf(rule, experts) };
    const routing = routingOf(settings, shape, (field) => expertFlags[field]);
    if ('field' in routing)
      throw new UsageError(`${expertFlags[routing.field]} for ${id}: ${routing.message}`);
  }
  return settings;
}

/** Memory of the machine in bytes, or of the container if that has less. */
export function machineMemory(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}

/** Bytes for the KV cache if --kv-memory is not given: at most half of `machine`, the machine's memory in bytes. */
export function defaultKvMemory(machine: number): number {
  return Math.min(engineDefaults.kvMemory, Math.floor(machine / 2));
}

/**
 * Returns the KV memory that all models share, and warnings about problems that do not prevent serving. Throws a UsageError for other
 * problems. `kvMemory` and `machine`, the machine's memory, are in bytes.
 */
export function fitModels(
  models: readonly FittedModel[],
  { context, kvMemory: given }: { context?: number; kvMemory?: number },
  machine: number,
): { kvMemory: number; warnings: string[] } {
  for (const model of models) requireContext(model, context);
  if (given !== undefined && given > machine) {
    const needed = formatBinary(models.length * Math.max(...models.map((each) => fullBytes(each, context))));
    throw new UsageError(
      `--kv-memory ${formatBinary(given)}: this machine has ${formatBinary(machine, Math.floor)} of memory. Give less; ` +
        `one request of full length needs ${needed}`,
    );
  }
  const kvMemory = given ?? defaultKvMemory(machine);
  const share = Math.floor(kvMemory / models.length);
  const flag = `--kv-memory ${formatBinary(kvMemory)}`;
  const split = models.length > 1 ? ` (${formatBinary(share)} for each of ${models.length} models)` : '';
  const warnings: string[] = [];
  for (const model of models) {
    const { id, kv } = model;
    const tokens = Math.floor(share / kv.blockBytes) * kv.blockSize;
    const wanted = context ?? model.context;
    const full = `Its context of ${wanted} tokens needs ${formatBinary(models.length * fullBytes(model, context))}`;
    if (tokens === 0) {
      throw new UsageError(
        `${flag}${split}: ${id} needs at least ${formatBinary(models.length * kv.blockBytes)}, for ${kv.blockSize} tokens. ${full}`,
      );
    }
    if (tokens >= wanted) continue;
    warnings.push(
      `${flag}${split} holds ${tokens} tokens of ${id}: longer requests are refused. ${full}; give that much, or --context ${tokens}`,
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

/** Bytes for the KV cache of one sequence that fills the context. */
function fullBytes({ kv, context: own }: FittedModel, context = own): number {
  return Math.ceil(context / kv.blockSize) * kv.blockBytes;
}
