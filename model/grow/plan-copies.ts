// Plans the tensors of a mixture that grows: which stored tensors are copied for which layers and experts. Pure.
import { layerNames } from '../bundle/names.ts';
import type { Checkpoint } from '../convert/checkpoint.ts';
import { modelTensors } from '../convert/convert.ts';
import { streamKey } from '../convert/random.ts';
import type { SourceTensor } from '../convert/storage/logical.ts';
import type { FloatDtype } from '../convert/task.ts';
import type { GrownTensor, Part, Range } from './growth.ts';

/** How a stored tensor takes part in a growth in width. */
type Role =
  | 'dense'
  /** One matrix or bias of one expert. */
  | 'expert'
  /** The matrices, or else the biases, of all experts of a layer: one item of the first dimension for each. */
  | 'stack'
  | 'stacked biases'
  /** `[experts, hidden]` */
  | 'router'
  | 'router bias'
  | 'selection bias';

interface Stored {
  source: SourceTensor;
  dtype: FloatDtype;
  role: Role;
}

export interface CopyPlan {
  /** The source's layer of each layer of the grown model. */
  order: readonly number[];
  /** Number of copies of each expert, with the original. */
  copies: number;
  /** Factor on the selection bias. */
  biasFactor: number;
  noise: number;
  seed: number;
}

/** Tensors that are no part of the model, such as those of multi-token prediction, are left out. */
export function planCopies(checkpoint: Checkpoint, plan: CopyPlan): GrownTensor[] {
  const stored = storedTensors(checkpoint);
  const planned = stored.flatMap((each) => widen(each, plan, checkpoint.config.experts));
  const layerOf = (name: string) => /\blayers\.(\d+)\./.exec(name)?.[1];
  const beside = planned.filter(({ name }) => layerOf(name) === undefined);
  const ofLayer = Map.groupBy(planned, ({ name }) => Number(layerOf(name)));
  const inLayers = plan.order.flatMap((layer, place) =>
    (ofLayer.get(layer) ?? []).map((tensor) => ({
      ...tensor,
      name: tensor.name.replace(/\blayers\.\d+\./, `layers.${place}.`),
    })),
  );
  return [...beside, ...inLayers];
}

function storedTensors({ config, tensors, locate }: Checkpoint): Stored[] {
  const found = new Map<string, Stored>();
  for (const wanted of modelTensors(config)) {
    const { tensor, view } = locate(wanted);
    const source = tensors.get(tensor.name);
    if (source === undefined) throw new Error(`${tensor.name} is stored in another form than floats`);
    const isStacked = view.part?.item !== undefined;
    found.set(tensor.name, { source, dtype: tensor.dtype, role: roleOf(wanted.name, isStacked) });
  }
  return [...found.values()];
}

/** `name` is canonical. */
function roleOf(name: string, isStacked: boolean): Role {
  if (/\.mlp\.experts\.\d+\./.test(name)) {
    if (!isStacked) return 'expert';
    return name.endsWith('.bias') ? 'stacked biases' : 'stack';
  }
  const { router, routerBias, selectionBias } = layerNames(Number(/\d+/.exec(name)?.[0]));
  const routerRoles: Readonly<Record<string, Role>> = {
    [router]: 'router',
    [routerBias]: 'router bias',
    [selectionBias]: 'selection bias',
  };
  return routerRoles[name] ?? 'dense';
}

function widen({ source, dtype, role }: Stored, plan: CopyPlan, experts: number): GrownTensor[] {
  const { copies, biasFactor } = plan;
  const { name, shape } = source;
  const whole = rangeOf(source);
  const numbers = Array.from({ length: copies }, (_, copy) => copy);
  const widened = (parts: readonly Part[]): GrownTensor[] => [
    // The first dimension may be one of 1, before that of the experts.
    { name, dtype, shape: withTimes(shape, shape.indexOf(experts), copies), parts },
  ];
  const byRole: Readonly<Record<Role, () => GrownTensor[]>> = {
    dense: () => [{ name, dtype, shape, parts: [{ kind: 'copied', from: whole }] }],
    expert: () =>
      numbers.map((copy) => {
        const copied = copyName(name, copy * experts);
        const isBias = name.endsWith('.bias');
        return { name: copied, dtype, shape, parts: [copyOf(whole, isBias ? 0 : copy, copied, plan)] };
      }),
    stack: () => {
      const items = itemsOf(whole, experts);
      return widened(
        numbers.flatMap((copy) =>
          items.map((item, expert) => copyOf(item, copy, `${name}/${copy * experts + expert}`, plan)),
        ),
      );
    },
    'stacked biases': () => widened(numbers.map(() => ({ kind: 'copied', from: whole }))),
    router: () => widened(numbers.map((copy) => copyOf(whole, copy, `${name}/${copy}`, plan))),
    'router bias': () => widened(numbers.map(() => ({ kind: 'copied', from: whole }))),
    'selection bias': () =>
      widened(
        numbers.map(() =>
          biasFactor === 1
            ? { kind: 'copied', from: whole }
            : { kind: 'scaled', from: whole, factor: biasFactor },
        ),
      ),
  };
  return byRole[role]();
}

/** Copy 0 is the original. */
function copyOf(from: Range, copy: number, stream: string, { noise, seed }: CopyPlan): Part {
  if (copy === 0 || noise === 0) return { kind: 'copied', from };
  return { kind: 'noisy', from, noise, key: streamKey(seed, stream) };
}

/** The tensor's name if the expert's number is `by` larger. */
function copyName(name: string, by: number): string {
  const found = /^(.*\.experts\.)(\d+)(\..*)$/.exec(name);
  if (found === null) throw new Error(`${name} does not name an expert`);
  return `${found[1]}${Number(found[2]) + by}${found[3]}`;
}

function rangeOf({ path, name, start, bytes }: SourceTensor): Range {
  return { path, name, start, bytes };
}

function itemsOf({ path, name, start, bytes }: Range, count: number): Range[] {
  const each = bytes / count;
  return Array.from({ length: count }, (_, item) => ({
    ...{ path, name, start: start + item * each },
    bytes: each,
  }));
}

function withTimes(shape: readonly number[], dimension: number, times: number): number[] {
  return shape.map((length, i) => (i === dimension ? length * times : length));
}
