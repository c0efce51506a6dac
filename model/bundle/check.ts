// Checks that the headers of a bundle's files agree with its config and manifest. Pure.
import type { ModelConfig } from '../config/config.ts';
import { InputError, tensorError } from '../errors.ts';
import type { TensorEntry, TensorMap } from '../safetensors.ts';
import { expertsFile, type Manifest } from './manifest.ts';
import { type Bits, type CanonicalTensor, denseTensors, expertTensors, storedSpec } from './tensors.ts';

const floatDtypes: readonly string[] = ['F32', 'F16', 'BF16'];

function checkTensor(tensor: CanonicalTensor, stored: TensorMap, bits: Bits, file: string): TensorEntry {
  const entry = stored.get(tensor.name);
  if (entry === undefined) throw tensorError(file, tensor.name, 'is missing');
  const expected = storedSpec(tensor, bits, entry.dtype);
  const known = tensor.kind === 'matrix' || floatDtypes.includes(entry.dtype);
  if (known && entry.dtype === expected.dtype && String(entry.shape) === String(expected.shape)) return entry;
  const wanted = `config.json and ${bits} bits ask for ${expected.dtype} [${expected.shape}]`;
  throw tensorError(file, tensor.name, `is ${entry.dtype} [${entry.shape}]; ${wanted}`);
}

function refuseExtra(stored: TensorMap, expected: ReadonlySet<string>, file: string): void {
  for (const name of stored.keys()) {
    if (!expected.has(name))
      throw tensorError(file, name, 'is not part of the model that config.json describes');
  }
}

/** Checks the dense file's header and that every tensor has a hash. */
export function checkDense(config: ModelConfig, manifest: Manifest, stored: TensorMap, file: string): void {
  const names = new Set<string>();
  for (const tensor of denseTensors(config)) {
    checkTensor(tensor, stored, manifest.bits, file);
    if (manifest.dense[tensor.name] === undefined)
      throw tensorError(file, tensor.name, 'has no hash in bundle.json');
    names.add(tensor.name);
  }
  refuseExtra(stored, names, file);
}

/** Checks the header of one layer's experts file. Each expert must have exactly the byte range that bundle.json names. */
export function checkExperts(
  config: ModelConfig,
  { bits, experts }: Manifest,
  layer: number,
  stored: TensorMap,
  file: string,
): void {
  const ranges = experts[layer];
  if (ranges?.length !== config.experts) {
    throw new InputError(
      `${file}: bundle.json lists ${ranges?.length ?? 0} experts for layer ${layer}, config.json ${config.experts}`,
    );
  }
  const names = new Set<string>();
  for (const [expert, range] of ranges.entries()) {
    const tensors = expertTensors(config, { layer, expert });
    let end = range.offset;
    let isContiguous = true;
    for (const tensor of tensors) {
      const { start, bytes } = checkTensor(tensor, stored, bits, file);
      names.add(tensor.name);
      if (start !== end) isContiguous = false;
      end = start + bytes;
    }
    const rangeEnd = range.offset + range.length;
    if (isContiguous && end === rangeEnd && range.file === expertsFile(layer)) continue;
    const said = `bytes ${range.offset} to ${rangeEnd} of ${range.file}`;
    const problem = `bundle.json says the expert is ${said}; the header says otherwise`;
    throw tensorError(file, tensors[0].name, problem);
  }
  refuseExtra(stored, names, file);
}
