// An engine in this thread with all experts in process, for benchmarks that vary its options.
import { ShardService } from '../experts/service.ts';
import { Engine, type EngineOptions } from '../gateway/engine/engine.ts';
import { type GenerationPart, neutralSampling, type SamplingSettings } from '../gateway/engine/messages.ts';
import { routingRules } from '../gateway/engine/scheduling/rules.ts';
import { openBundle } from '../model/bundle/bundle.ts';
import { mapInUnits } from '../model/devices/expert.ts';
import { openDenseDevice, openExpertDevice, openHostKernels } from '../model/devices/open.ts';
import { Fleet } from '../router/fleet.ts';
import { localMember } from '../router/shards/member.ts';

export interface OpenEngineOptions {
  /** Directory of the bundle. */
  model: string;
  /** Threads of the CPU kernels. */
  threads: number;
  /** Number of shards that share the experts, all in this thread. */
  shards?: number;
  options: Partial<EngineOptions>;
}

export interface OpenEngine {
  engine: Engine;
  close(): Promise<void>;
}

export async function openEngine({
  model: dir,
  threads,
  shards = 1,
  options,
}: OpenEngineOptions): Promise<OpenEngine> {
  const bundle = await openBundle(dir);
  const { config, manifest, bits, group } = bundle;
  const { identity, contentHash: content } = manifest;
  const { layers, experts, hidden } = config;
  const model = { identity, layers, experts, hidden };
  const dense = await openDenseDevice({ bundle, threads });
  const device = await openExpertDevice({ bundle, threads });
  const units = Array.from({ length: layers * experts }, (_, i) => {
    return { layer: Math.floor(i / experts), expert: i % experts };
  });
  await device.load(units);
  mapInUnits(device, units);
  const members = Array.from({ length: shards }, (_, shard) => {
    const { handlers, run } = new ShardService({
      models: [
        {
          device,
          model: { ...model, content, bits, group },
          units: units.filter(({ expert }) => expert % shards === shard),
        },
      ],
      version: 'bench',
    });
    return localMember(`in-process-${shard}`, handlers, run);
  });
  const fleet = new Fleet({ members, model });
  if (!(await fleet.whenReady(10_000))) throw new Error('the experts are not ready');
  const rules = await routingRules(bundle);
  const engine = new Engine({
    config,
    identity,
    content,
    dense,
    fleet,
    rules,
    ...openHostKernels({ bundle }),
    ...options,
  });
  return {
    engine,
    async close() {
      await engine.close(0);
      fleet.close();
      await device.dispose();
      await dense.dispose();
      await bundle.close();
    },
  };
}

export interface Ask {
  prompt: Int32Array;
  maxTokens: number;
  sampling?: Partial<SamplingSettings>;
  /** Return hashes of the logits with the ids. */
  digests?: boolean;
  signal?: AbortSignal;
}

let asked = 0;

export type Token = Extract<GenerationPart, { type: 'token' }>;

/** The tokens of one answer as they come; throws if it ends in an error. */
export async function* generateTokens(
  engine: Engine,
  { prompt, maxTokens, sampling, digests = false, signal = new AbortController().signal }: Ask,
): AsyncGenerator<Token> {
  const request = {
    id: `bench-${asked++}`,
    prompt,
    maxTokens,
    stopIds: [],
    sampling: { ...greedy, ...sampling },
    digests,
  };
  for await (const part of engine.generate(request, signal)) {
    if (part.type === 'error') throw new Error(part.error.message);
    if (part.type === 'token') yield part;
  }
}

/** Only the ids of an answer. */
export async function* generate(engine: Engine, ask: Ask): AsyncGenerator<number> {
  for await (const { id } of generateTokens(engine, ask)) yield id;
}

const greedy: SamplingSettings = { ...neutralSampling, temperature: 0, seed: 1 };
