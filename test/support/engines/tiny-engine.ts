// An engine over a tiny bundle in this thread, with its experts in shards in the same thread. Tests can set every engine
// option.

import { setTimeout } from 'node:timers/promises';
import { ShardService } from '../../../experts/service.ts';
import { Engine, type EngineOptions } from '../../../gateway/engine/engine.ts';
import { type GenerationRequest, neutralSampling } from '../../../gateway/engine/messages.ts';
import { routingRules } from '../../../gateway/engine/scheduling/rules.ts';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { unitShape } from '../../../model/config/model-config.ts';
import { openDenseDevice, openExpertDevice, openHostKernels } from '../../../model/devices/open.ts';
import type { DeviceName } from '../../../model/devices/options.ts';
import { Fleet } from '../../../router/fleet.ts';
import { localMember, type Member } from '../../../router/shards/member.ts';
import type { Handlers } from '../../../rpc/transport.ts';

export interface TinyEngineOptions extends Partial<EngineOptions> {
  /** Directory of the bundle. */
  bundle: string;
  device?: DeviceName;
  threads?: number;
  /** Number of shards over which the experts are spread. */
  shards?: number;
  /** Milliseconds by which the shards delay each answer. Default 0. */
  hopMs?: number;
  /** Shards that run elsewhere. Default: shards in this thread. */
  members?: readonly Member[];
}

export interface TinyEngine {
  engine: Engine;
  close(): Promise<void>;
}

export async function startTinyEngine({
  bundle: dir,
  device,
  threads,
  shards = 1,
  hopMs = 0,
  members: elsewhere,
  ...options
}: TinyEngineOptions): Promise<TinyEngine> {
  const bundle = await openBundle(dir);
  const { config, manifest, bits, group } = bundle;
  const { layers, experts, hidden } = unitShape(config);
  const model = { identity: manifest.identity, layers, experts, hidden };
  const dense = await openDenseDevice({ bundle, device, threads });
  const expert = await openExpertDevice({ bundle, device, threads });
  const units = Array.from({ length: layers * experts }, (_, i) => {
    return { layer: Math.floor(i / experts), expert: i % experts };
  });
  await expert.load(units);
  const here = Array.from({ length: elsewhere === undefined ? shards : 0 }, (_, shard) => {
    const { handlers } = new ShardService({
      models: [
        {
          device: expert,
          model: { ...model, content: manifest.contentHash, bits, group },
          units: units.filter((unit) => unit.expert % shards === shard),
        },
      ],
      version: 'test',
    });
    return localMember(`shard-${shard}`, hopMs > 0 ? delayed(handlers, hopMs) : handlers);
  });
  const fleet = new Fleet({ members: elsewhere ?? here, model });
  if (!(await fleet.whenReady(5_000))) throw new Error('the shards were not ready within 5 s');
  const engine = new Engine({
    config,
    identity: manifest.identity,
    content: manifest.contentHash,
    dense,
    ...openHostKernels({ bundle, device }),
    fleet,
    rules: await routingRules(bundle),
    ...options,
  });
  return {
    engine,
    async close() {
      await engine.close(0);
      fleet.close();
      await expert.dispose();
      await dense.dispose();
      await bundle.close();
    },
  };
}

function delayed(handlers: Handlers, ms: number): Handlers {
  const run = handlers['expert.run']!;
  return {
    ...handlers,
    'expert.run': async (...asked) => {
      await setTimeout(ms);
      return await run(...asked);
    },
  };
}

let ids = 0;

export interface Answer {
  ids: number[];
  /** Hash of the logits of each token. */
  digests: (string | undefined)[];
}

export async function answer(
  engine: Engine,
  request: Pick<GenerationRequest, 'prompt' | 'maxTokens'> & { temperature: number; seed: number },
): Promise<Answer> {
  const { temperature, seed, ...rest } = request;
  const sampling = { ...neutralSampling, temperature, seed, topP: 0.95 };
  const answer: Answer = { ids: [], digests: [] };
  const whole = { ...rest, id: `a${ids++}`, stopIds: [], sampling, digests: true };
  for await (const part of engine.generate(whole, new AbortController().signal)) {
    if (part.type === 'error') throw new Error(part.error.message);
    if (part.type !== 'token') continue;
    answer.ids.push(part.id);
    answer.digests.push(part.digest);
  }
  return answer;
}
