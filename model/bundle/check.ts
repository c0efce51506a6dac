// Checks that the headers of a bundle's files agree with its config and manifest. Pure.
import type { ModelConfig } from '../config/config.ts';
import { InputError, tensorError } from '../errors.ts';
import type { TensorMap } from '../safetensors.ts';
import { expertsFile, type Manifest } from './manifest.ts';
import { type Bits, type CanonicalTensor, denseTensors, expertTensors, storedSpec } from './tensors.ts';

export const floatDtypes: readonly string[] = ['F32', 'F16', 'BF16'];

function checkTensor(tensor: CanonicalTensor, stored: TensorMap, bits: Bits, file: string): void {
  const entry = stored.get(tensor.name);
  if (entry === undefined) throw tensorError(file, tensor.name, 'is missing');
  const expected = storedSpec(tensor, bits, entry.dtype);
  const known = tensor.kind === 'matrix' || floatDtypes.includes(entry.dtype);
  if (known && entry.dtype === expected.dtype && String(entry.shape) === String(expected.shape)) return;
  throw tensorError(
    file,
    tensor.name,
    `is ${entry.dtype} [${entry.shape}]; config.json and ${bits} bits ask for ${expected.dtype} [${expected.shape}]`,
  );
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

/** Checks one layer's experts file. Each expert must be exactly the byte range that bundle.json names. */
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
    for (const tensor of tensors) {
      checkTensor(tensor, stored, bits, file);
      names.add(tensor.name);
    }
    const [gate, up, down] = tensors.map(({ name }) => stored.get(name));
    if (!gate || !up || !down)
      throw new InputError(`${file}: expert ${expert} of layer ${layer} is not whole`);
    const contiguous = gate.start + gate.bytes === up.start && up.start + up.bytes === down.start;
    const length = gate.bytes + up.bytes + down.bytes;
    const said = `bytes ${range.offset} to ${range.offset + range.length} of ${range.file}`;
    if (
      !contiguous ||
      range.file !== expertsFile(layer) ||
      range.offset !== gate.start ||
      range.length !== length
    ) {
      throw tensorError(file, gate.name, `bundle.json says the expert is ${said}; the header says otherwise`);
    }
  }
  refuseExtra(stored, names, file);
}
