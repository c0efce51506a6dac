// Which experts of which models a shard starts with, and where their bytes come from. Loads nothing onto a device.
import { join } from 'node:path';
import type { SignedPlacement } from '../../experts/placing/placement-file.ts';
import { type Bundle, openBundle } from '../../model/bundle/bundle.ts';
import { diskSource, httpSource, remoteSource, type WeightSource } from '../../model/bundle/source.ts';
import type { Credentials } from '../../rpc/security/credentials.ts';
import { bundleDirectory } from '../files.ts';
import { progressBar } from '../terminal/progress.ts';
import type { OpenedExperts } from './hold-models.ts';
import { isPeer, peerFiles } from './peer-files.ts';
import type { ShardState } from './shard-state.ts';

/** Flags of `expertgrid shard`. */
export interface ExpertFlags {
  /** Directories or URLs. */
  model: readonly string[];
  /** One list for each model. */
  experts?: readonly string[];
  standby: boolean;
  state?: string;
}

export interface WantedExperts {
  model: string;
  /** Shorthand. If absent, a standby shard holds all experts, and others start with none. */
  experts: string | undefined;
}

/** Throws if there is not one list of experts for each model. */
export function wantedExperts({ model, experts, standby, state }: ExpertFlags): WantedExperts[] {
  if (experts === undefined && !standby && state === undefined) {
    throw new Error(
      'say which experts to hold with --experts, such as 0-23, or give --state to be placed later',
    );
  }
  if (experts !== undefined && experts.length !== model.length) {
    const [models, lists] = [model.length, experts.length];
    throw new Error(
      `give one --experts for each --model, in the same order, not ${models} models and ${lists} ${lists === 1 ? 'list' : 'lists'}`,
    );
  }
  return model.map((each, i) => ({ model: each, experts: experts?.[i] }));
}

export interface OpenExpertsOptions extends WantedExperts {
  standby: boolean;
  /** The state directory, and what it holds. */
  dir: string | undefined;
  state: ShardState;
  /** Credentials of this shard, for other shards that it fetches from. */
  security: Credentials | undefined;
  signal: AbortSignal;
}

export interface FoundExperts {
  source: WeightSource;
  bundle: Bundle;
  /** Shorthand; empty for none. */
  list: string;
  /** The placement that was kept. */
  placement: SignedPlacement | undefined;
}

/** Experts that were kept take precedence over the flags. */
export async function openExperts(options: OpenExpertsOptions): Promise<FoundExperts> {
  const { experts, standby, state } = options;
  const source = await openSource(options);
  const bundle = await openBundle(source.dir);
  const kept = await state.read(bundle.manifest.identity);
  const list = kept?.held ?? experts ?? (standby ? `0-${bundle.config.experts - 1}` : '');
  return { source, bundle, list, placement: kept?.placement };
}

/** Fetches the experts of models that are not on disk. */
export async function fetchExperts(opened: readonly OpenedExperts[], signal: AbortSignal): Promise<void> {
  for (const { source, units } of opened) {
    const bar = progressBar({ label: 'fetching' });
    try {
      await source.bring(units, { signal, onBrought: (done, total) => bar.update(done, total) });
    } finally {
      bar.end();
    }
  }
}

async function openSource({
  model,
  dir,
  signal,
  security,
}: Pick<OpenExpertsOptions, 'model' | 'dir' | 'signal' | 'security'>): Promise<WeightSource> {
  if (!isPeer(model) && !/^https?:/.test(model)) return diskSource(await bundleDirectory(model));
  if (dir === undefined) {
    throw new Error(`--model ${model}: give --state, the directory in which to keep what is fetched`);
  }
  const cache = join(dir, 'bundles');
  if (isPeer(model)) return await remoteSource({ cache, files: peerFiles(model, security) });
  const url = new URL(model.endsWith('/') ? model : `${model}/`);
  return await httpSource({ url, cache, signal });
}
