// An engine over the counting device and an in-process shard whose experts add one: the token after id i is i + 1.
import { onTestFinished } from 'vitest';
import { ShardService } from '../../../experts/service.ts';
import { Engine, type EngineOptions } from '../../../gateway/engine/engine.ts';
import {
  type GenerationPart,
  type GenerationRequest,
  neutralSampling,
} from '../../../gateway/engine/messages.ts';
import type { ModelConfig } from '../../../model/config/config.ts';
import type { ExpertDevice } from '../../../model/devices/expert.ts';
import { Fleet } from '../../../router/fleet.ts';
import { localMember } from '../../../router/shards/member.ts';
import {
  type CountingDense,
  type CountingOptions,
  countingHidden,
  createCountingDense,
} from './counting-dense.ts';

export const vocab = 50;
const layers = 2;
const experts = 6;

/** Adds 1 to the second number of each row. Calls `before` first, which may delay a run or make it fail. */
function addingDevice(before: BeforeRun): ExpertDevice {
  return {
    numericsClass: 'adding',
    async load() {},
    async unload() {},
    async run(layer, x, asks) {
      await before(layer, x, asks);
      const length = (asks.length / 2) * countingHidden;
      return Float32Array.from({ length }, (_, i) => (i % countingHidden === 1 ? 1 : 0));
    },
    async dispose() {},
  };
}

export type BeforeRun = (...parameters: Parameters<ExpertDevice['run']>) => Promise<void>;

export interface CountingEngine {
  engine: Engine;
  dense: CountingDense;
  fleet: Fleet;
  close(): Promise<void>;
}

export interface CountingEngineOptions
  extends Partial<EngineOptions>,
    Pick<CountingOptions, 'minPrefillRows' | 'blockSize' | 'shared' | 'next'> {
  before?: BeforeRun;
  /** Index of the last expert of each layer that a shard holds. Default: shards hold all experts. */
  lastExpert?: number;
}

export async function startCountingEngine({
  minPrefillRows,
  blockSize,
  shared,
  next,
  before = async () => {},
  lastExpert = experts - 1,
  ...options
}: CountingEngineOptions = {}): Promise<CountingEngine> {
  const model = { identity: 'sha256:counting', layers, experts, hidden: countingHidden };
  const units = Array.from({ length: layers * (lastExpert + 1) }, (_, i) => ({
    layer: Math.floor(i / (lastExpert + 1)),
    expert: i % (lastExpert + 1),
  }));
  const { handlers } = new ShardService({
    models: [
      {
        device: addingDevice(before),
        model: { ...model, content: 'sha256:content', bits: 32, group: 32 },
        units,
      },
    ],
    version: 'test',
  });
  const fleet = new Fleet({ members: [localMember('local', handlers)], model });
  await fleet.whenReady(lastExpert === experts - 1 ? 1000 : 50);
  const dense = createCountingDense({ vocab, layers, experts, minPrefillRows, blockSize, shared, next });
  const rule = { score: 'softmax', renormalise: true, scale: 1, k: 1 } as const;
  const expertsPerToken = new Array<number>(layers).fill(1);
  const sizes = { hidden: countingHidden, layers, experts, expertsPerToken };
  const config = { ...sizes, vocab, context: 100 } as unknown as ModelConfig;
  const engine = new Engine({
    config,
    identity: model.identity,
    content: 'c',
    dense,
    fleet,
    rules: [rule, rule],
    kvMemory: 4096,
    ...options,
  });
  return {
    engine,
    dense,
    fleet,
    async close() {
      await engine.close(0);
      fleet.close();
    },
  };
}

export interface OpenCountingEngine extends CountingEngine {
  /** Fields that are absent have the defaults of `countingRequest`. */
  generate(request: Partial<GenerationRequest>, signal?: AbortSignal): AsyncIterable<GenerationPart>;
}

/** Starts an engine that is closed at the end of the test. */
export async function openCountingEngine(options: CountingEngineOptions = {}): Promise<OpenCountingEngine> {
  const started = await startCountingEngine(options);
  onTestFinished(started.close);
  return {
    ...started,
    generate: (request, signal = new AbortController().signal) =>
      started.engine.generate(countingRequest(request), signal),
  };
}

let ids = 0;

/** A request. Default: a greedy one with prompt 1 2 3 and four tokens. */
export function countingRequest(request: Partial<GenerationRequest> = {}): GenerationRequest {
  return {
    id: `g${ids++}`,
    prompt: Int32Array.of(1, 2, 3),
    maxTokens: 4,
    stopIds: [],
    sampling: { ...neutralSampling, temperature: 0, seed: 1 },
    ...request,
  };
}

/** Reads a stream to its end. Returns its tokens and its last part. */
export async function collect(
  parts: AsyncIterable<GenerationPart>,
): Promise<{ ids: number[]; last: GenerationPart }> {
  const ids: number[] = [];
  let last: GenerationPart | undefined;
  for await (const part of parts) {
    if (part.type === 'token') ids.push(part.id);
    last = part;
  }
  if (last === undefined) throw new Error('the stream had no part');
  return { ids, last };
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}
