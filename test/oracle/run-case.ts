// Converts a case's checkpoint, and runs its tokens through the engine's forward pass with experts on several shards.
import { modelOffer } from '../../experts/held-model.ts';
import { ShardService } from '../../experts/service.ts';
import { forward } from '../../gateway/engine/forward.ts';
import { routingRules } from '../../gateway/engine/scheduling/rules.ts';
import { type Bundle, openBundle } from '../../model/bundle/bundle.ts';
import type { Bits } from '../../model/bundle/tensors.ts';
import { hasExperts, type ModelConfig, unitShape } from '../../model/config/model-config.ts';
import { convert } from '../../model/convert/convert.ts';
import type { Unit } from '../../model/devices/expert.ts';
import { openDenseDevice, openExpertDevice } from '../../model/devices/open.ts';
import type { DeviceName } from '../../model/devices/options.ts';
import { combine } from '../../router/combine.ts';
import { Fleet } from '../../router/fleet.ts';
import { firstSlot } from '../../router/routing/assignment.ts';
import { RowRouting } from '../../router/routing/row-routing.ts';
import { localMember } from '../../router/shards/member.ts';
import { withBundle } from './cases.ts';
import type { OracleCase } from './rebuild.ts';

interface RunOptions {
  bits: Bits;
  device?: DeviceName;
  /** Number of shards that hold the experts. */
  shards?: number;
  /** Rows of each step. Default: all tokens but one in one step, then the last. */
  steps?: readonly number[];
  /** Number of experts of each layer, if they are not the checkpoint's. */
  active?: readonly number[];
}

interface Ran {
  /** Logits of each position. */
  logits: Float32Array[];
  /** Sorted experts of each position, for each layer with experts. */
  routing: number[][][];
  identity: string;
}

export async function runCase(each: OracleCase, options: RunOptions): Promise<Ran> {
  return await withBundle(each, options.bits, (bundle) => runBundle(bundle, each.tokens, options));
}

/** Does the same for the checkpoint in the directory `from`. Writes a bundle beside it. */
export async function runCheckpoint(
  from: string,
  tokens: readonly number[],
  options: RunOptions,
): Promise<Ran> {
  const to = `${from}.bundle`;
  await convert({ from, to, bits: options.bits, workers: 1 });
  const bundle = await openBundle(to);
  try {
    return await runBundle(bundle, tokens, options);
  } finally {
    await bundle.close();
  }
}

/** Runs the tokens through every layer. */
export async function runBundle(
  bundle: Bundle,
  tokens: readonly number[],
  options: RunOptions,
): Promise<Ran> {
  const { device, shards = 3, steps = [tokens.length - 1, 1], active } = options;
  const { config, manifest } = bundle;
  const dense = await openDenseDevice({ bundle, ...(device && { device }) });
  const held = await Promise.all(Array.from({ length: shards }, (_, i) => openShard(bundle, i, options)));
  const shape = unitShape(config);
  const fleet = new Fleet({
    members: held.map(({ member }) => member),
    model: { identity: manifest.identity, ...shape },
  });
  await fleet.whenReady(10_000);
  const routing: number[][][] = config.expertsPerToken.map(() => []);
  const logits: Float32Array[] = [];
  const blocks = Array.from({ length: Math.ceil(tokens.length / dense.kv.blockSize) }, (_, i) => i);
  dense.allocate(blocks.length);
  dense.open(1);
  let start = 0;
  for (const count of steps) {
    let hop = 0;
    const hidden = await forward(
      {
        ...{ dense, fleet, identity: manifest.identity, hidden: shape.hidden, experts: shape.experts },
        ...{ vocab: config.vocab, rules: await routingRules(bundle), combine },
        hasExperts: hasExperts(config),
      },
      {
        ids: Int32Array.from(tokens.slice(start, start + count)),
        spans: [{ sequence: 1, start, count, blocks }],
        ...{ prefill: new Uint8Array(count), wanted: new Uint8Array(count).fill(1), deadlineMs: 30_000 },
        ...(active && { routing: sameRouting(active, count, bundle.config) }),
        ...{ signal: new AbortController().signal, trace: 'oracle', isAlone: true },
      },
      {
        onFailed: (_, error) => {
          throw error;
        },
        onDegraded: () => {},
        onRemote: () => {},
        onRouted: (assignment) => {
          for (let row = 0; row < count; row++) {
            const [from, to] = [firstSlot(assignment, row), firstSlot(assignment, row + 1)];
            routing[hop]?.push([...assignment.experts.subarray(from, to)].sort((a, b) => a - b));
          }
          hop++;
        },
      },
    );
    const rows = await dense.head(hidden);
    for (let row = 0; row < count; row++)
      logits.push(rows.slice(row * config.vocab, (row + 1) * config.vocab));
    start += count;
  }
  fleet.close();
  await dense.dispose();
  for (const { dispose } of held) await dispose();
  return { logits, routing, identity: manifest.identity };
}

/** The routing of `count` rows that all use `active` experts. */
function sameRouting(active: readonly number[], count: number, { experts, expertsPerToken }: ModelConfig) {
  const rows = Array.from({ length: count }, () => ({ expertsPerToken: active }));
  return new RowRouting(rows, expertsPerToken, { least: 1, most: experts });
}

async function openShard(bundle: Bundle, index: number, { device, shards = 3 }: RunOptions) {
  const experts = await openExpertDevice({ bundle, ...(device && { device }) });
  const { layers, experts: count } = unitShape(bundle.config);
  const units: Unit[] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (let expert = index; expert < count; expert += shards) units.push({ layer, expert });
  }
  await experts.load(units);
  const { handlers } = new ShardService({
    models: [{ device: experts, model: modelOffer(bundle), units }],
    version: 'test',
  });
  return { member: localMember(`shard ${index}`, handlers), dispose: () => experts.dispose() };
}
