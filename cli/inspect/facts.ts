// What `expertgrid inspect` says about a model, as data. Pure.
import { shardNeedsMiB } from '../../infra/capacity/process-needs.ts';
import { bundleSizes } from '../../model/bundle/sizes.ts';
import type { Bits } from '../../model/bundle/tensors.ts';
import { expertLayers, type ModelConfig, rotaryDim } from '../../model/config/model-config.ts';
import { countParameters } from '../../model/config/parameters.ts';
import { cpuKvShape } from '../../model/devices/kv-shape.ts';
import { bundleBits } from '../../model/tiles.ts';

const MIB = 2 ** 20;

/** The needs of a model at one precision. Sizes are in bytes. */
export interface PrecisionFacts {
  bits: Bits;
  bundle: number;
  /** Weights that a gateway holds. */
  dense: number;
  /** All experts of all layers. */
  experts: number;
  /** One expert of one layer. */
  unit: number;
  /** Shards of the asked memory that hold all experts once; undefined if one expert does not fit. */
  shards: number | undefined;
}

export interface ModelFacts {
  layout: string;
  parameters: number;
  activeParameters: number;
  layers: number;
  layersWithExperts: number;
  experts: number;
  /** Least and most experts of a token. */
  perToken: readonly [least: number, most: number];
  hidden: number;
  inner: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocab: number;
  context: number;
  tiedEmbeddings: boolean;
  /** Properties that not every model has, as short phrases. */
  features: string[];
  /** Bytes of keys and values of one position in a gateway with the CPU kernels. */
  positionBytes: number;
  precisions: PrecisionFacts[];
}

export interface FactOptions {
  /** Type of the checkpoint's floats. */
  sourceDtype: string;
  /** Memory of a shard's process, in bytes. */
  shardMemory: number;
  /** Precisions to describe. Default: all. */
  bits?: readonly Bits[];
}

export function modelFacts(config: ModelConfig, options: FactOptions): ModelFacts {
  const { all, active } = countParameters(config);
  const { layers, heads, kvHeads, headDim, hidden, inner, experts, vocab, context } = config;
  const { blockBytes, blockSize } = cpuKvShape(config);
  const ks = config.expertsPerToken;
  return {
    ...{ layout: config.layout, parameters: all, activeParameters: active, layers },
    ...{ layersWithExperts: expertLayers(config).length, experts },
    perToken: [Math.min(...ks), Math.max(...ks)],
    ...{ hidden, inner, heads, kvHeads, headDim, vocab, context, tiedEmbeddings: config.tiedEmbeddings },
    features: featuresOf(config),
    positionBytes: blockBytes / blockSize,
    precisions: (options.bits ?? bundleBits).map((bits) => precisionFacts(config, bits, options)),
  };
}

function precisionFacts(config: ModelConfig, bits: Bits, options: FactOptions): PrecisionFacts {
  const { dense, unit, units } = bundleSizes(config, bits, options.sourceDtype);
  const room = unitsThatFit(unit, options.shardMemory);
  return {
    ...{ bits, bundle: dense + unit * units, dense, experts: unit * units, unit },
    shards: room === 0 ? undefined : Math.ceil(units / room),
  };
}

/** The most units that a shard's process holds within `memory` bytes. */
export function unitsThatFit(unit: number, memory: number): number {
  let low = 0;
  let high = Math.floor(memory / unit);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (shardNeedsMiB((middle * unit) / MIB) * MIB <= memory) low = middle;
    else high = middle - 1;
  }
  return low;
}

function featuresOf(config: ModelConfig): string[] {
  const { routing, attention = {}, denseMlp, sharedExpert, rope, qkNorm } = config;
  const windows = attention.windows?.filter((width) => width > 0) ?? [];
  const chunks = attention.chunks?.filter((length) => length > 0) ?? [];
  const unrotated = attention.unrotated?.filter((flag) => flag === 1).length ?? 0;
  const norms = {
    none: undefined,
    head: 'norm of q and k over each head',
    projection: 'norm of q and k over the projection',
  };
  const found: (string | false | undefined)[] = [
    `${routing.score} scores${routing.renormalise ? ', renormalised' : ''}`,
    routing.selectionBias && 'selection bias',
    routing.groups && `experts of ${routing.groups.kept} of ${routing.groups.count} groups`,
    routing.prototypes !== undefined && `the best expert of each of ${routing.prototypes} prototypes`,
    routing.weighsInput && 'weights on the input of experts',
    denseMlp && `${layersText(denseMlp.layers.length)} without experts (MLP of ${denseMlp.inner})`,
    sharedExpert && `${sharedExpert.gated ? 'gated ' : ''}shared expert of ${sharedExpert.inner}`,
    config.expertBiases && 'biases in experts',
    config.clamp && 'clamped SwiGLU',
    norms[qkNorm],
    attention.unitNorm && 'norm of q and k without weights',
    attention.inputBias && 'biases in attention',
    attention.sinks && 'sinks',
    windows.length > 0 && `windows of ${windows[0]} in ${layersText(windows.length)}`,
    chunks.length > 0 && `chunks of ${chunks[0]} in ${layersText(chunks.length)}`,
    unrotated > 0 && `${layersText(unrotated)} without rotary positions`,
    rotaryDim(config) < config.headDim &&
      `${rotaryDim(config)} of ${config.headDim} values of a head rotated`,
    rope.scaling.type !== 'default' && `${rope.scaling.type} rotary positions`,
    config.multipliers && 'multipliers on embedding, residual stream and logits',
  ];
  return found.filter((each): each is string => typeof each === 'string');
}

function layersText(count: number): string {
  return count === 1 ? '1 layer' : `${count} layers`;
}
