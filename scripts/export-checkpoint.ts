// Makes a Hugging Face checkpoint from a bundle: node scripts/export-checkpoint.ts models/nano DIR
// Weights of 4, 6 and 8 bits become the float32 numbers that they stand for, without rounding. All other tensors keep their bytes.
import { copyFile, type FileHandle, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openBundle } from '../model/bundle/bundle.ts';
import { GOLDEN_FILE } from '../model/bundle/manifest.ts';
import { type Bits, encodingOf } from '../model/bundle/tensors.ts';
import { modelTensors } from '../model/convert/convert.ts';
import { readExactly } from '../model/reading/read-exactly.ts';
import { layOut, readTensorMap, type TensorEntry, type TensorSpec } from '../model/safetensors.ts';
import { dequantize, isTiled } from '../model/tiles.ts';

type Shapes = ReadonlyMap<string, readonly number[]>;

/** The directory `to` gets the names of tensors and the config of the bundle `from`, so `convert` reads it. */
export async function exportCheckpoint(from: string, to: string): Promise<void> {
  const bundle = await openBundle(from);
  const { bits, config, manifest } = bundle;
  await bundle.close();
  if (config.layout !== 'qwen3_moe')
    throw new Error(
      `${from}: config.json has the layout ${config.layout}, and only qwen3_moe can be exported`,
    );

  await mkdir(to, { recursive: true });
  const shapes = new Map([...modelTensors(config)].map(({ name, shape }) => [name, shape]));
  const files: Record<string, string> = {};
  let bytes = 0;
  for (const name of Object.keys(manifest.files)) {
    if (name === GOLDEN_FILE) continue; // is not part of a checkpoint
    if (!name.endsWith('.safetensors')) {
      await copyFile(join(from, name), join(to, name));
      continue;
    }
    for (const tensor of await exportTensors(join(from, name), join(to, name), bits, shapes)) {
      files[tensor.name] = name;
      bytes += tensor.bytes;
    }
  }
  const index = { metadata: { total_size: bytes }, weight_map: files };
  await writeFile(join(to, 'model.safetensors.index.json'), `${JSON.stringify(index, null, 1)}\n`);
}

/** Writes the tensors of the file `from` as floats to the file `to`, in the same order. Returns what the new file holds. */
async function exportTensors(
  from: string,
  to: string,
  bits: Bits,
  shapes: Shapes,
): Promise<Iterable<TensorEntry>> {
  const [source, target] = [await open(from), await open(to, 'w')];
  try {
    const stored = [...(await readTensorMap(source, from)).values()];
    const { header, tensors } = layOut(
      stored.map((tensor) => exportedSpec(tensor, bits, shapes)),
      { format: 'pt' },
    );
    await target.write(header);
    for (const tensor of stored) {
      await target.write(exportedBytes(await bytesOf(source, tensor, from), tensor, bits, shapes));
    }
    return tensors.values();
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

async function bytesOf(file: FileHandle, { start, bytes }: TensorEntry, path: string): Promise<Uint8Array> {
  const data = Buffer.alloc(bytes);
  await readExactly(file, data, start, path);
  return data;
}

function exportedSpec({ name, dtype, shape }: TensorSpec, bits: Bits, shapes: Shapes): TensorSpec {
  if (!isTiled(encodingOf(dtype, bits))) return { name, dtype, shape };
  return { name, dtype: 'F32', shape: matrixShape(name, shapes) };
}

function exportedBytes(data: Uint8Array, tensor: TensorSpec, bits: Bits, shapes: Shapes): Uint8Array {
  const encoding = encodingOf(tensor.dtype, bits);
  if (!isTiled(encoding)) return data;
  const [rows = 1, cols = 1] = matrixShape(tensor.name, shapes);
  return new Uint8Array(dequantize({ encoding, rows, cols, data }).buffer);
}

/** The shape of the matrix itself. A stored tensor has the shape of its tiles. */
function matrixShape(name: string, shapes: Shapes): readonly number[] {
  const shape = shapes.get(name);
  if (shape === undefined) throw new Error(`the model has no tensor ${name}`);
  return shape;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [from, to] = process.argv.slice(2);
  if (from === undefined || to === undefined) {
    process.stderr.write('usage: node scripts/export-checkpoint.ts BUNDLE DIR\n');
    process.exit(2);
  }
  await exportCheckpoint(from, to);
}
