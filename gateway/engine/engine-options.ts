// What an engine is made of, and its settings with their defaults. Knows no step.
import type { ModelConfig } from '../../model/config/config.ts';
import type { DenseDevice } from '../../model/devices/dense.ts';
import type { TokenPicker } from '../../model/devices/host-kernels.ts';
import { combine } from '../../router/combine.ts';
import type { Fleet } from '../../router/fleet.ts';
import type { RoutingRule } from '../../router/selection.ts';
import { Constraints } from '../constraints/masks/constraints.ts';
import { plainPicker } from './sampling/sampler.ts';

export interface EngineOptions {
  config: ModelConfig;
  /** Of the checkpoint (bundle.json). */
  identity: string;
  /** Of the bundle that the dense device reads. */
  content: string;
  dense: DenseDevice;
  fleet: Fleet;
  /** Of each layer. */
  rules: readonly RoutingRule[];
  /** Picks each token from its logits. Default: plain JavaScript. */
  picker?: TokenPicker;
  /** Adds the experts' answers to the residual stream. Default: plain JavaScript. */
  combine?: typeof combine;
  /** Most positions of a sequence; the checkpoint's own context at most. */
  context?: number;
  /** Sequences that run at once. */
  maxSequences?: number;
  /** Sequences that wait at once; one more is refused. */
  maxWaiting?: number;
  /** Bytes. */
  kvMemory?: number;
  /** Prompt rows in one step, at most. */
  prefillRows?: number;
  /**
   * Of a step's time, how much a tenant's prompts may take while others of it generate, above 0 and up to 1: the others'
   * gaps grow by 1 / (1 - share), the time to a prompt's first token by 1 / share.
   */
  prefillShare?: number;
  /** Each call to a shard must be answered within this. */
  callDeadlineMs?: number;
  /** Draft tokens from the text so far and verify several in one step; changes no answer. */
  speculate?: boolean;
  /** Of the counts of each expert's rows. */
  heatHalfLifeSeconds?: number;
  /** Micro-batches of a step; measured where absent. */
  microBatches?: number;
  /** Opens what requests are held to; made for the model's vocabulary. */
  constraints?: Constraints;
  /** Hears of a step that threw, or of the sampling of one sequence; what it concerned is failed. */
  onFault?: (cause: unknown) => void;
}

export type EngineSettings = Required<
  Omit<EngineOptions, 'dense' | 'fleet' | 'rules' | 'config' | 'microBatches'>
> &
  Pick<EngineOptions, 'microBatches'>;

/** What holds if nothing else is given; kvMemory in bytes. */
export const engineDefaults = {
  maxSequences: 64,
  maxWaiting: 256,
  kvMemory: 2 ** 31,
  prefillRows: 256,
  prefillShare: 0.7,
  /** Longer than the patience of a call (router/fleet.ts), which would otherwise end in a 504. */
  callDeadlineMs: 30_000,
};

/** Throws where the context is longer than the checkpoint's. */
export function settingsOf({
  config,
  dense,
  fleet: _fleet,
  rules: _rules,
  ...given
}: EngineOptions): EngineSettings {
  const settings = {
    context: config.context,
    ...engineDefaults,
    speculate: false,
    heatHalfLifeSeconds: 600,
    constraints: new Constraints(),
    picker: plainPicker,
    combine,
    onFault: () => {},
    ...given,
  };
  if (settings.context > config.context) {
    throw new Error(`a context of ${settings.context} is more than the checkpoint's ${config.context}`);
  }
  return { ...settings, prefillRows: Math.max(settings.prefillRows, 2 * dense.minPrefillRows) };
}
