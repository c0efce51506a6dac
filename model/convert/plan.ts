// Plans the content of a bundle's files, byte for byte, and divides the work into tasks. Pure.
import { join } from 'node:path';
import { DENSE_FILE, expertsFile } from '../bundle/manifest.ts';
import {
  type Bits,
  type CanonicalTensor,
  denseTensors,
  encodingOf,
  expertTensors,
  storedSpec,
} from '../bundle/tensors.ts';
import { type ModelConfig, unitShape } from '../config/model-config.ts';
import { layOut, type TensorMap } from '../safetensors.ts';
import type { FloatDtype, Part, Source, Task } from './task.ts';

/** The source of a canonical tensor. */
export interface TensorSource extends Pick<Part, 'sourceName' | 'sourcePath' | 'source' | 'sourceBytes'> {
  /** The type in which a bundle keeps the tensor if it keeps floats. */
  dtype: FloatDtype;
  /** The published form, for the manifest. Default: `dtype`. */
  form?: string;
}

export interface PlannedFile {
  name: string;
  header: Uint8Array;
  bytes: number;
}

/** A task, and the canonical tensors that it writes. Its result has the same id. */
export type PlannedTask = Task & { tensors: readonly CanonicalTensor[]; dtypes: readonly string[] } & (
    | { kind: 'dense'; name: string }
    | { kind: 'expert'; layer: number; expert: number; file: string }
  );

export interface BundlePlan {
  config: ModelConfig;
  bits: Bits;
  files: readonly PlannedFile[];
  tasks: readonly PlannedTask[];
}

export interface PlanOptions {
  config: ModelConfig;
  bits: Bits;
  /** Where the bundle's files are written. */
  dir: string;
  sourceOf: (tensor: CanonicalTensor) => TensorSource;
}

/** Order of tensors by type, so that every tensor starts at a multiple of its element's size. */
const dtypeRank: Readonly<Record<string, number>> = { U8: 0, F32: 1, F16: 2, BF16: 2 };

/** A canonical tensor and its source. To find a source takes time, so each is found once. */
interface FoundSource extends TensorSource {
  tensor: CanonicalTensor;
}

export function planBundle({ config, bits, dir, sourceOf }: PlanOptions): BundlePlan {
  const tasks: PlannedTask[] = [];
  const found = (tensor: CanonicalTensor): FoundSource => ({ ...sourceOf(tensor), tensor });
  const specOf = ({ tensor, dtype }: FoundSource) => storedSpec(tensor, bits, dtype);
  const taskOf = (sources: readonly FoundSource[], stored: TensorMap, path: string) => {
    const planned = sources.map((source) => ({ ...source, entry: entryOf(stored, source.tensor.name) }));
    return {
      id: tasks.length,
      path,
      offset: planned[0]?.entry.start ?? 0,
      bytes: planned.reduce((sum, { entry }) => sum + entry.bytes, 0),
      sourceBytes: planned.reduce((sum, { sourceBytes }) => sum + sourceBytes, 0),
      parts: planned.map(({ dtype: _, form: _form, tensor, entry, ...part }): Part => {
        const encoding = encodingOf(entry.dtype, bits);
        return { ...part, ...sizeOf(tensor, part.source), encoding };
      }),
      tensors: planned.map(({ tensor }) => tensor),
      dtypes: planned.map(({ dtype, form = dtype }) => form),
    };
  };

  const dense = Array.from(denseTensors(config), found);
  const denseSpecs = dense.map(specOf).sort((a, b) => (dtypeRank[a.dtype] ?? 0) - (dtypeRank[b.dtype] ?? 0));
  const denseLayout = layOut(denseSpecs);
  const files: PlannedFile[] = [{ name: DENSE_FILE, header: denseLayout.header, bytes: denseLayout.bytes }];
  // The largest tensors go first, so that the longest tasks, embedding and head, do not end last.
  for (const source of dense.toSorted((a, b) => elements(b.tensor.shape) - elements(a.tensor.shape))) {
    const task = taskOf([source], denseLayout.tensors, join(dir, DENSE_FILE));
    tasks.push({ ...task, kind: 'dense', name: source.tensor.name });
  }
  for (let layer = 0; layer < unitShape(config).layers; layer++) {
    const units = Array.from({ length: config.experts }, (_, expert) =>
      expertTensors(config, { layer, expert }).map(found),
    );
    const { header, tensors, bytes } = layOut(units.flat().map(specOf));
    const file = expertsFile(layer);
    files.push({ name: file, header, bytes });
    for (const [expert, unit] of units.entries()) {
      tasks.push({ ...taskOf(unit, tensors, join(dir, file)), kind: 'expert', layer, expert, file });
    }
  }
  return { config, bits, files, tasks };
}

/** A small tensor is one row, unless its rows are some of the storage's. */
function sizeOf({ kind, shape }: CanonicalTensor, source: Source): { rows: number; cols: number } {
  const [rows = 1, cols = 1] = shape;
  const byRow = kind === 'matrix' || (source.kind === 'stored' && source.rows !== undefined);
  return byRow ? { rows, cols } : { rows: 1, cols: elements(shape) };
}

function entryOf(stored: TensorMap, name: string) {
  const entry = stored.get(name);
  if (entry === undefined) throw new Error(`tensor ${name} was not laid out`);
  return entry;
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
