// Copies a GGUF model with all weights as float32, so that llama.cpp multiplies them with activations that it does not quantise.
import type { GgufValue as Read } from '../../../model/gguf/header.ts';
import { openGguf } from '../../../model/gguf/read.ts';
import { readGgufTensor } from '../../../model/gguf/read-tensor.ts';
import { type GgufValue, writeGguf } from '../gguf-format.ts';

/** Keys with whole numbers that llama.cpp reads as float32. The type is not known any more once a file is read. */
const floatKeys = /(epsilon|freq_base|scale|factor|temp|top_p|min_p)$/;

export async function widenGguf(from: string, to: string): Promise<void> {
  const model = await openGguf(from);
  const metadata = Object.fromEntries([...model.metadata].map(([key, value]) => [key, typed(key, value)]));
  const tensors = [...model.tensors.values()].map((tensor) => ({
    name: tensor.name,
    shape: tensor.shape,
    read: async () => new Uint8Array((await readGgufTensor(tensor)).buffer),
  }));
  await writeGguf(to, { ...metadata, 'general.file_type': { type: 'u32', value: 0 } }, tensors);
}

function typed(key: string, value: Read): GgufValue {
  if (typeof value === 'string') return { type: 'string', value };
  if (typeof value === 'boolean') return { type: 'bool', value };
  if (typeof value === 'number')
    return { type: !Number.isInteger(value) || floatKeys.test(key) ? 'f32' : 'u32', value };
  if (typeof value === 'object' && value.every((each) => typeof each === 'string'))
    return { type: 'strings', value };
  if (typeof value === 'object' && value.every((each) => typeof each === 'number')) {
    return { type: value.every(Number.isInteger) && !key.endsWith('scores') ? 'i32s' : 'f32s', value };
  }
  throw new Error(`${key}: cannot be written`);
}
