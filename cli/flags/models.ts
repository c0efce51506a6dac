// Parses `--model`, reads the facts of each bundle without its weights, and refuses two bundles of one checkpoint.
import { basename } from 'node:path';
import type { ModelFacts } from '../../gateway/api/context.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { type RoutingConfig, unitShape } from '../../model/config/model-config.ts';
import { countParameters } from '../../model/config/parameters.ts';
import type { KvShape } from '../../model/devices/dense.ts';
import { kvShapeOf, requireDevice } from '../../model/devices/open.ts';
import type { DeviceName } from '../../model/devices/options.ts';
import { bundleDirectory, modelDirectory } from '../files.ts';

export interface NamedModel {
  /** Name of the model in requests. */
  id: string;
  /** Directory of the bundle. */
  dir: string;
}

export interface OpenedModel extends NamedModel {
  /** Identity of the checkpoint. Bundles of one checkpoint have the same identity at every precision. */
  identity: string;
  layers: number;
  /** Number of experts in each layer. */
  experts: number;
  routing: RoutingConfig;
  /** Number of token ids. */
  vocab: number;
  facts: ModelFacts;
  /** Longest sequence that the checkpoint supports, in tokens. */
  context: number;
  /** Memory of the KV cache on the device. */
  kv: KvShape;
}

/** Parses `DIR` or `NAME=DIR`. A directory with `=` in its name is written `./a=b`. Throws if two models have the same name. */
export function namedModels(texts: readonly string[] = ['nano']): NamedModel[] {
  const models = texts.map((text): NamedModel => {
    const [, id, named] = /^([\w.-]+)=(.+)$/.exec(text) ?? [];
    const dir = modelDirectory(named ?? text);
    return { id: id ?? basename(dir), dir };
  });
  const twice = models.find(({ id }, i) => models.findIndex((other) => other.id === id) < i);
  if (twice === undefined) return models;
  throw new Error(
    `--model: two models are called ${twice.id}; give ${twice.dir} a name of its own: --model NAME=DIR`,
  );
}

/** Rejects if two models have the same identity, or if the device does not exist or cannot run one of the models. */
export async function openModels(
  models: readonly NamedModel[],
  { device }: { device: DeviceName },
): Promise<OpenedModel[]> {
  const opened = await Promise.all(models.map((model) => openModel(model, device)));
  requireDistinct(opened);
  return opened;
}

/**
 * Throws if two models are bundles of one checkpoint. Calls name a model by its checkpoint, so shards of one bundle would also answer
 * calls for the other bundle.
 */
export function requireDistinct(models: readonly { dir: string; identity: string }[]): void {
  for (const [i, { dir, identity }] of models.entries()) {
    const twin = models.slice(0, i).find((other) => other.identity === identity);
    if (twin === undefined) continue;
    throw new Error(
      `${twin.dir} and ${dir} are bundles of one checkpoint, and a process serves only one bundle of a checkpoint. ` +
        'Serve the other one with shards and a gateway of its own, or as replicas of lower precision with --standby',
    );
  }
}

async function openModel({ id, dir }: NamedModel, device: DeviceName): Promise<OpenedModel> {
  const bundle = await openBundle(await bundleDirectory(dir));
  try {
    requireDevice({ bundle, device });
    const { config, manifest } = bundle;
    const { vocab, context, routing } = config;
    const { layers, experts } = unitShape(config);
    const { all, active } = countParameters(config);
    const facts = { bits: manifest.bits, parameters: all, activeParameters: active };
    const kv = kvShapeOf({ bundle, device });
    return { id, dir, identity: manifest.identity, layers, experts, routing, vocab, facts, context, kv };
  } finally {
    await bundle.close();
  }
}
