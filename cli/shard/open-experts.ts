// Opens the bundles of a shard and decides which experts it starts with. Bundles that are not on disk are fetched.
import { join } from 'node:path';
import { openBundle } from '../../model/bundle/bundle.ts';
import { diskSource, httpSource, remoteSource, type WeightSource } from '../../model/bundle/source.ts';
import type { Credentials } from '../../rpc/security/credentials.ts';
import { bundleDirectory } from '../files.ts';
import type { ShardFlags } from '../flags/shard-flags.ts';
import { progressBar } from '../terminal/progress.ts';
import type { OpenedExperts } from './hold-models.ts';
import { isPeer, peerFiles } from './peer-files.ts';
import type { ShardState } from './shard-state.ts';

interface WantedExperts {
  /** A directory or a URL. */
  model: string;
  /** A list for `parseHoldings`. If it is absent, a standby shard starts with all experts, and any other shard with none. */
  experts: string | undefined;
}

/** Throws if the flags do not name experts for each model. */
export function wantedExperts({
  model,
  experts,
  standby,
  state,
}: Pick<ShardFlags, 'model' | 'experts' | 'standby' | 'state'>): WantedExperts[] {
  if (experts === undefined && !standby && state === undefined) {
    throw new Error(
      'say which experts to hold with --experts, such as 0-23, or give --state to receive a placement later',
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

interface OpenExpertsOptions extends WantedExperts {
  standby: boolean;
  /** The state directory. */
  dir: string | undefined;
  state: ShardState;
  /** Credentials with which this shard fetches files from another shard. */
  security: Credentials | undefined;
  signal: AbortSignal;
}

/**
 * Experts in the saved state take precedence over the flags. `list` is a text for `parseHoldings`, and empty for no experts.
 * `placement` is the saved placement.
 */
export async function openExperts(options: OpenExpertsOptions) {
  const { experts, standby, state } = options;
  const source = await openSource(options);
  const bundle = await openBundle(source.dir);
  const kept = await state.read(bundle.manifest.identity);
  const list = kept?.held ?? experts ?? (standby ? `0-${bundle.config.experts - 1}` : '');
  return { source, bundle, list, placement: kept?.placement };
}

/** Fetches the experts that are not yet on disk. */
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

async function openSource({ model, dir, signal, security }: OpenExpertsOptions): Promise<WeightSource> {
  if (!isPeer(model) && !/^https?:/.test(model)) return diskSource(await bundleDirectory(model));
  if (dir === undefined) {
    throw new Error(`--model ${model}: give --state, the directory for the files that are fetched`);
  }
  const cache = join(dir, 'bundles');
  if (isPeer(model)) return await remoteSource({ cache, files: peerFiles(model, security) });
  const url = new URL(model.endsWith('/') ? model : `${model}/`);
  return await httpSource({ url, cache, signal });
}
