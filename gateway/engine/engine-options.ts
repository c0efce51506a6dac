// The parts and the settings of an engine, with their defaults.
import type { ModelConfig } from '../../model/config/config.ts';
import type { DenseDevice } from '../../model/devices/dense.ts';
import type { TokenPicker } from '../../model/devices/host-kernels.ts';
import { combine } from '../../router/combine.ts';
import type { Fleet } from '../../router/fleet.ts';
import type { RoutingRule } from '../../router/selection.ts';
import { Constraints } from '../constraints/masks/constraints.ts';
import { plainPicker } from './sampling/sampler.ts';

export type PrefillShare = number | 'even';

export interface EngineOptions {
  config: ModelConfig;
  /** Identity of the checkpoint (bundle.json). */
  identity: string;
  /** Content hash of the bundle that the dense device reads. */
  content: string;
  dense: DenseDevice;
  fleet: Fleet;
  /** One rule for each layer. */
  rules: readonly RoutingRule[];
  /** Picks a token from a row of logits. Default: plain JavaScript. */
  picker?: TokenPicker;
  /** Adds the experts' answers to the residual stream. Default: plain JavaScript. */
  combine?: typeof combine;
  /** Most positions of a sequence: prompt and answer together. Default and maximum: the checkpoint's context. */
  context?: number;
  /** Most sequences that run at once. */
  maxSequences?: number;
  /** Most sequences that wait at once. Further requests are refused with `queue_full`. */
  maxWaiting?: number;
  /** Bytes of the KV cache. */
  kvMemory?: number;
  /** Most prefill rows in one step. */
  prefillRows?: number;
  /**
   * Largest share of a tenant's time that its prefill may take while its other sequences decode (above 0, at most 1). At that
   * share, gaps between tokens are 1 / (1 - share) times as long as without prefill, and the time to the first token is
   * 1 / share times as long as without decoding sequences. With 1, prefill is not limited. `even`: the share that slows both by the
   * same factor, which depends on the measured costs of rows (scheduling/step-costs.ts).
   */
  prefillShare?: PrefillShare;
  /** Deadline of each call to a shard, in milliseconds. */
  callDeadlineMs?: number;
  /** Whether to draft tokens from the text so far and verify several in one step. Answers stay the same. Default: true. */
  speculate?: boolean;
  /** Tokens that could be generated in the time of one draft. Default: found by measuring (scheduling/draft-cost.ts). */
  draftPrice?: number;
  /** Half-life of the counts of each expert's rows. Default: 600. */
  heatHalfLifeSeconds?: number;
  /** Micro-batches in a step. Default: found by measuring (scheduling/micro-batches.ts). */
  microBatches?: number;
  /** Opens the constraints of requests. It knows the model's vocabulary. */
  constraints?: Constraints;
  /** Called when a step, or the sampling of one sequence, throws. The affected sequences then fail. */
  onFault?: (cause: unknown) => void;
}

/** If these are not given, the engine finds them by measuring. */
type Measured = 'microBatches' | 'draftPrice';

export type EngineSettings = Required<
  Omit<EngineOptions, 'dense' | 'fleet' | 'rules' | 'config' | Measured>
> &
  Pick<EngineOptions, Measured>;

/** Flags and docs also read these defaults. */
export const engineDefaults = {
  maxSequences: 64,
  maxWaiting: 256,
  kvMemory: 2 ** 31,
  prefillRows: 256,
  prefillShare: 'even' as PrefillShare,
  /** Must exceed the time that a call waits for a late replica (router/fleet.ts); otherwise such calls give status 504. */
  callDeadlineMs: 30_000,
};

/** Fills in the defaults. Throws if the context is longer than the checkpoint's. */
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
    speculate: true,
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
