// The models that a process is told to serve: `--model` as it is written, the ids that callers name them by, and that no two
// are the same checkpoint. Loads no weights.
import { basename } from 'node:path';
import type { ModelFacts } from '../../gateway/api/context.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { countParameters } from '../../model/config/parameters.ts';
import type { KvShape } from '../../model/devices/dense.ts';
import { kvShapeOf, requireDevice } from '../../model/devices/open.ts';
import type { DeviceName } from '../../model/devices/options.ts';
import { bundleDirectory, modelDirectory } from '../files.ts';

export interface NamedModel {
  /** What requests name it by. */
  id: string;
  /** Directory of the bundle. */
  dir: string;
}

export interface OpenedModel extends NamedModel {
  /** Of the checkpoint, the same at every precision. */
  identity: string;
  /** Of each layer. */
  experts: number;
  /** Token ids. */
  vocab: number;
  facts: ModelFacts;
  /** Most tokens of a sequence that the checkpoint was made for. */
  context: number;
  /** Memory of keys and values on the device that the model is opened for. */
  kv: KvShape;
}

/** `DIR`, called like it, or `NAME=DIR`; a directory with a `=` in its name is written `./a=b`. Throws where two are called alike. */
export function namedModels(texts: readonly string[] = ['nano']): NamedModel[] {
  const models = texts.map((text): NamedModel => {
    const [, id, named] = /^([\w.-]+)=(.+)$/.exec(text) ?? [];
    const dir = modelDirectory(named ?? text);
    return { id: id ?? basename(dir), dir };
  });
  const twice = models.find(({ id }, i) => models.findIndex((other) => other.id === id) < i);
  if (twice === undefined) return models;
  throw new Error(
    `--model: two are called ${twice.id}; give ${twice.dir} a name of its own: --model NAME=DIR`,
  );
}

export interface OpenModelsOptions {
  /** Of the dense part, and of the experts if this process runs them. */
  device: DeviceName;
}

/** Throws if two models cannot be told apart, or if the device is not here or does not take one. */
export async function openModels(
  models: readonly NamedModel[],
  options: OpenModelsOptions,
): Promise<OpenedModel[]> {
  const opened = await Promise.all(models.map((model) => look(model, options)));
  requireDistinct(opened);
  return opened;
}

/**
 * Throws where two are bundles of one checkpoint: calls name a model by its checkpoint, so that shards of one bundle would
 * answer for the other too.
 */
export function requireDistinct(models: readonly { dir: string; identity: string }[]): void {
  for (const [i, { dir, identity }] of models.entries()) {
    const twin = models.slice(0, i).find((other) => other.identity === identity);
    if (twin === undefined) continue;
    throw new Error(
      `${twin.dir} and ${dir} are bundles of one checkpoint, whatever their precision: one process serves it from one of them. ` +
        'Serve the other from shards and a gateway of its own, or as copies of a shard with --standby',
    );
  }
}

async function look({ id, dir }: NamedModel, { device }: OpenModelsOptions): Promise<OpenedModel> {
  const bundle = await openBundle(await bundleDirectory(dir));
  try {
    requireDevice({ bundle, device });
    const { config, manifest } = bundle;
    const { experts, vocab, context } = config;
    const { all, active } = countParameters(config);
    const facts = { bits: manifest.bits, parameters: all, activeParameters: active };
    const kv = kvShapeOf({ bundle, device });
    return { id, dir, identity: manifest.identity, experts, vocab, facts, context, kv };
  } finally {
    await bundle.close();
  }
}
