// An engine in this thread with shards in the same thread, for benchmarks that vary its options.
import { modelOffer } from '../experts/held-model.ts';
import { ShardService } from '../experts/service.ts';
import type { RunRequest } from '../experts/wire/run.ts';
import { Engine, type EngineOptions } from '../gateway/engine/engine.ts';
import { type GenerationPart, neutralSampling, type SamplingSettings } from '../gateway/engine/messages.ts';
import { routingRules } from '../gateway/engine/scheduling/rules.ts';
import { type Bundle, openBundle } from '../model/bundle/bundle.ts';
import { unitShape } from '../model/config/model-config.ts';
import type { DenseDevice } from '../model/devices/dense.ts';
import { type ExpertDevice, mapInUnits, type Unit } from '../model/devices/expert.ts';
import type { HostKernels } from '../model/devices/host-kernels.ts';
import { openDenseDevice, openExpertDevice, openHostKernels } from '../model/devices/open.ts';
import { Fleet } from '../router/fleet.ts';
import { localMember, type Member } from '../router/shards/member.ts';

interface OpenEngineOptions {
  /** Directory of the bundle. */
  model: string;
  /** Threads of the CPU kernels. */
  threads?: number;
  /** Number of shards. Default: 1. */
  shards?: number;
  /** Shards elsewhere, which are used instead of shards in this thread. */
  members?: readonly Member[];
  /** Whether a shard holds a unit. By default each expert is on one shard. */
  holds?: (unit: Unit, shard: number) => boolean;
  /** Called before a shard answers a call. */
  onRun?: (shard: number, request: RunRequest) => void;
  /** Opens the devices. The default opens the CPU kernels and reads all weights once, so that they are in memory. */
  open?: (bundle: Bundle, units: readonly Unit[]) => Promise<Devices>;
  /** There are no drafts by default, so that texts that repeat themselves do not change the rows of a step. */
  options?: Partial<EngineOptions>;
}

interface Devices {
  dense: DenseDevice;
  /** The device of all shards, with every unit loaded. */
  experts: ExpertDevice;
  host: Partial<HostKernels>;
}

export interface OpenEngine {
  engine: Engine;
  close(): Promise<void>;
}

export async function openEngine({
  model: dir,
  threads,
  shards = 1,
  members: elsewhere,
  holds = ({ expert }, shard) => expert % shards === shard,
  onRun,
  open = (bundle, units) => openDevices(bundle, units, threads),
  options,
}: OpenEngineOptions): Promise<OpenEngine> {
  const bundle = await openBundle(dir);
  const { config } = bundle;
  const model = modelOffer(bundle);
  const { layers, experts } = unitShape(config);
  const units = Array.from({ length: layers * experts }, (_, i) => {
    return { layer: Math.floor(i / experts), expert: i % experts };
  });
  const devices = await open(bundle, units);
  const members =
    elsewhere ??
    Array.from({ length: shards }, (_, shard) => {
      const held = units.filter((unit) => holds(unit, shard));
      const { handlers, run } = new ShardService({
        models: [{ device: devices.experts, model, units: held }],
        version: 'bench',
      });
      return localMember(`in-process-${shard}`, handlers, (request) => {
        onRun?.(shard, request);
        return run(request);
      });
    });
  const fleet = new Fleet({ members: [...members], model });
  if (!(await fleet.whenReady(10_000))) throw new Error('the shards were not ready within 10 s');
  const rules = await routingRules(bundle);
  const { dense, host } = devices;
  const { identity, content } = model;
  const parts = { config, identity, content, dense, fleet, rules, ...host };
  const engine = new Engine({ ...parts, speculate: false, ...options });
  return {
    engine,
    async close() {
      await engine.close(0);
      fleet.close();
      await devices.experts.dispose();
      await dense.dispose();
      await bundle.close();
    },
  };
}

async function openDevices(bundle: Bundle, units: readonly Unit[], threads?: number): Promise<Devices> {
  const dense = await openDenseDevice({ bundle, threads });
  const experts = await openExpertDevice({ bundle, threads });
  await experts.load(units);
  mapInUnits(experts, units);
  return { dense, experts, host: openHostKernels({ bundle }) };
}

interface Ask {
  prompt: Int32Array;
  maxTokens: number;
  /** Default: greedy. */
  sampling?: Partial<SamplingSettings>;
  /** Whether each token comes with the hash of the logits that it was chosen from. */
  digests?: boolean;
  signal?: AbortSignal;
}

let asked = 0;

export type Token = Extract<GenerationPart, { type: 'token' }>;

/** Generates one answer and yields its tokens as they come. Throws if the answer ends in an error. */
export async function* generateTokens(
  engine: Engine,
  { prompt, maxTokens, sampling, digests = false, signal = new AbortController().signal }: Ask,
): AsyncGenerator<Token> {
  const request = {
    id: `bench-${asked++}`,
    prompt,
    maxTokens,
    stopIds: [],
    sampling: { ...neutralSampling, temperature: 0, seed: 1, ...sampling },
    digests,
  };
  for await (const part of engine.generate(request, signal)) {
    if (part.type === 'error') throw new Error(part.error.message);
    if (part.type === 'token') yield part;
  }
}

/** Like `generateTokens`, but yields only the ids. */
export async function* generate(engine: Engine, ask: Ask): AsyncGenerator<number> {
  for await (const { id } of generateTokens(engine, ask)) yield id;
}
