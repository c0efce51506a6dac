// Finds where a canonical tensor is in a checkpoint of a layout. Pure.
import type { CanonicalTensor } from '../bundle/tensors.ts';
import { type ModelConfig, rotaryDim } from '../config/model-config.ts';
import { tensorError } from '../errors.ts';
import type { SourceView, StackedName, TensorLayout } from './layouts/layout.ts';
import { tensorLayouts } from './layouts/layouts.ts';
import type { LogicalTensor } from './storage/logical.ts';
import type { RowMap } from './storage/read-strip.ts';

/** Finds a tensor by the name that the checkpoint's model class gives it. */
export type FindTensor = (name: string) => LogicalTensor | undefined;

/** A canonical tensor, found. */
export interface FoundTensor {
  tensor: LogicalTensor;
  view: SourceView;
}

/**
 * The tensor's name if the checkpoint stores it by itself, and the canonical name, which transformers 5 writes for some layouts
 * with `save_original_format=False`.
 */
export function sourceNames({ layout }: Pick<ModelConfig, 'layout'>, canonical: string): [string, string] {
  const { renamed } = tensorLayouts[layout];
  return [renamed.reduce((name, [from, to]) => name.replace(from, to), canonical), canonical];
}

/** The shape of the tensor that the checkpoint stores by itself; undefined if there is none. */
export function findShape(config: ModelConfig, canonical: string, find: FindTensor) {
  const found = sourceNames(config, canonical).map(find);
  return found.find((tensor) => tensor !== undefined)?.shape;
}

/** Throws an InputError that names `list`, the file with the checkpoint's tensors, if the tensor is missing or has another shape. */
export function findTensor(
  config: ModelConfig,
  wanted: CanonicalTensor,
  find: FindTensor,
  list: string,
): FoundTensor {
  const layout = tensorLayouts[config.layout];
  const fused = fusedViews(config, layout, wanted);
  const own = ownViews(config, wanted);
  const stacks = stackedViews(config, layout, wanted, find);
  const found = new Map<string, FoundTensor>();
  for (const view of [...fused, ...own, ...stacks]) {
    const tensor = find(view.name);
    if (tensor !== undefined && !found.has(view.name)) found.set(view.name, { tensor, view });
  }
  const [first, second] = found.values();
  if (first === undefined) {
    const usual = fused[0] ?? (usesStacks(layout, stacks, find) ? stacks[0] : own[0]);
    throw tensorError(list, usual?.name ?? wanted.name, 'is missing, though config.json describes it');
  }
  if (second !== undefined) {
    const problem = `is there, and so is ${first.tensor.name}: only one of them can be right`;
    throw tensorError(second.tensor.path, second.tensor.name, problem);
  }
  requireShape(first.tensor, first.view);
  return first;
}

/** Whether the layer has experts in stacks: the layout has no other form, or another stack of the layer is there. */
function usesStacks(layout: TensorLayout, stacks: readonly SourceView[], find: FindTensor): boolean {
  if (layout.stacked?.transposed !== undefined) return true;
  const { gate, down } = layout.stacked ?? {};
  const names = [gate, down].flatMap((stack) => (stack === undefined ? [] : [stack.name]));
  return stacks.some(({ name }) => {
    const own = names.find((each) => name.endsWith(each)) ?? '';
    const experts = name.slice(0, name.length - own.length);
    return names.some((each) => find(experts + each) !== undefined);
  });
}

function requireShape({ path, name, shape }: LogicalTensor, view: SourceView): void {
  if (String(shape) === String(view.shape)) return;
  // A vector may have leading dimensions of 1.
  const isVector =
    view.shape.length === 1 && String(shape.filter((length) => length !== 1)) === String(view.shape);
  if (!isVector) throw tensorError(path, name, `has shape [${shape}]; config.json describes [${view.shape}]`);
}

function ownViews(config: ModelConfig, { name, shape }: CanonicalTensor): SourceView[] {
  const pairs = pairsOf(config, name);
  const [rows = 1, cols = 1] = shape;
  const order = pairs !== undefined && { rows: { pairs }, part: { rows, cols } };
  return sourceNames(config, name).map((each) => ({ name: each, shape, ...order }));
}

/** The order of rows of q and k, if the checkpoint has rotated pairs in adjacent rows. */
function pairsOf(config: ModelConfig, name: string): RowMap['pairs'] {
  if (!tensorLayouts[config.layout].adjacentPairs || !/\.self_attn\.[qk]_proj\./.test(name)) return undefined;
  return { headDim: config.headDim, rotary: rotaryDim(config) };
}

function fusedViews(
  config: ModelConfig,
  layout: TensorLayout,
  { name, shape }: CanonicalTensor,
): SourceView[] {
  const found = /^(model\.layers\.\d+\.)(.+)\.(weight|bias)$/.exec(name);
  const fused = found?.[2] === undefined ? undefined : layout.fused?.(config)[found[2]];
  if (fused === undefined || found === null) return [];
  const [, cols] = shape;
  const whole = cols === undefined ? [fused.rows] : [fused.rows, cols];
  return [
    {
      name: `${found[1]}${fused.name}.${found[3]}`,
      part: { rows: fused.rows, cols: cols ?? 1 },
      rows: { first: fused.first },
      shape: whole,
    },
  ];
}

const expertTensor = /^(.+\.mlp\.experts)\.(\d+)\.(gate|up|down)_proj\.(weight|bias)$/;

function stackedViews(
  config: ModelConfig,
  layout: TensorLayout,
  { name, shape }: CanonicalTensor,
  find: FindTensor,
): SourceView[] {
  const found = expertTensor.exec(name);
  if (found === null) return [];
  const [, prefix = '', item, which, kind] = found;
  const stacks = kind === 'bias' ? layout.stackedBiases : layout.stacked;
  if (stacks === undefined) return [];
  const stack = stacks[which as 'gate' | 'up' | 'down'];
  return sourceNames(config, prefix).map((experts) => {
    const stackOf = { config, stack, name: `${experts}.${stack.name}`, item: Number(item) };
    if (kind === 'bias') return biasView(stackOf, shape);
    return matrixView(stackOf, shape, isTransposed(layout, experts, stackOf, find));
  });
}

interface StackOf {
  config: ModelConfig;
  stack: StackedName;
  name: string;
  item: number;
}

function biasView({ config, stack, name, item }: StackOf, [length = 1]: readonly number[]): SourceView {
  const rows = length * stack.times;
  return {
    ...{ name, part: { item, rows, cols: 1 }, rows: stack.rows(length) },
    shape: [config.experts, rows],
  };
}

function matrixView(
  { config, stack, name, item }: StackOf,
  [count = 1, cols = 1]: readonly number[],
  transposed: boolean,
): SourceView {
  const rows = count * stack.times;
  return {
    ...{ name, part: { item, rows, cols, transposed }, rows: stack.rows(count) },
    shape: transposed ? [config.experts, cols, rows] : [config.experts, rows, cols],
  };
}

/** Whether the stack has inputs before outputs. If the shapes fit both, and the layout does not say, the tensor is refused. */
function isTransposed(
  { stacked }: TensorLayout,
  experts: string,
  { config, stack, name }: StackOf,
  find: FindTensor,
): boolean {
  const tensor = find(name);
  if (tensor?.isRowMajor) return false;
  if (stacked?.transposed !== undefined || tensor === undefined) return stacked?.transposed ?? false;
  const { gate, down } = stacked ?? {};
  // If one of the two stacks is square, the other decides.
  for (const each of [stack, gate, down]) {
    const shape = each && find(`${experts}.${each.name}`)?.shape;
    if (shape === undefined) continue;
    const [rows, cols] = each === down ? [config.hidden, config.inner] : [2 * config.inner, config.hidden];
    const transposed = String(shape) === String([config.experts, cols, rows]);
    if (rows !== cols) return transposed;
  }
  throw tensorError(
    tensor.path,
    tensor.name,
    `has shape [${tensor.shape}], from which outputs and inputs cannot be told apart. Save the checkpoint with one tensor an expert: save_pretrained(…, save_original_format=True) of transformers 5 does`,
  );
}
