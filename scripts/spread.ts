// Makes a Mixtral checkpoint from a dense Llama model in GGUF: node scripts/spread.ts MODEL.gguf DIR [--experts 96] [--seed 1]
// Each layer gets equal experts, which are the dense model's MLP, and random router rows. With one expert a token the function stays
// that of the dense model, and its traffic spreads over the experts. So a real model's text can be served by shards.
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { errorText } from '../base/error-text.ts';
import { fillRandom, streamKey } from '../model/convert/random.ts';
import { tensorError } from '../model/errors.ts';
import { narrowHalf } from '../model/floats.ts';
import { architectureOf, ggufConfig } from '../model/gguf/config/config.ts';
import { ggufPlace, missingInGguf } from '../model/gguf/names.ts';
import { type GgufModel, openGguf } from '../model/gguf/read.ts';
import { readGgufPlace } from '../model/gguf/read-tensor.ts';
import { ggufTokenizer } from '../model/gguf/tokenizer/tokenizer.ts';
import { layOut, type TensorSpec } from '../model/safetensors.ts';
import {
  type DenseSizes,
  denseSpecs,
  expertParts,
  expertSpecs,
  mixtralConfig,
  modelSpecs,
  routerSpec,
  sizesOf,
} from './spread/layout.ts';

interface SpreadOptions {
  from: string;
  to: string;
  experts: number;
  seed: number;
  print: (line: string) => void;
}

/** Reads a tensor of the dense model by its Hugging Face name. */
type Read = (name: string) => Promise<Float32Array<ArrayBuffer>>;

export async function spread({ from, to, experts, seed, print }: SpreadOptions): Promise<void> {
  const model = await openGguf(from);
  const dense = await ggufConfig(model);
  const sizes = sizesOf(dense, model.path);
  const read = reader(model, sizes);
  const files = ggufTokenizer(model);
  await mkdir(to, { recursive: true });
  const small = { 'config.json': mixtralConfig(dense, experts), ...files };
  for (const [name, json] of Object.entries(small))
    await writeFile(join(to, name), `${JSON.stringify(json)}\n`);
  const weights: Record<string, string> = {};
  let bytes = 0;
  const total = sizes.layers + 1;
  const fileName = (i: number) => {
    const number = (value: number) => String(value).padStart(5, '0');
    return `model-${number(i + 1)}-of-${number(total)}.safetensors`;
  };
  for (let i = 0; i < total; i++) {
    const layer = i - 1;
    const parts = i === 0 ? modelParts(sizes, read) : await layerParts({ layer, experts, seed, sizes, read });
    bytes += await writeTensors(join(to, fileName(i)), parts);
    for (const { spec } of parts) weights[spec.name] = fileName(i);
    print(`${fileName(i)}: ${(bytes / 1e9).toFixed(2)} GB`);
  }
  const index = { metadata: { total_size: bytes }, weight_map: weights };
  await writeFile(join(to, 'model.safetensors.index.json'), `${JSON.stringify(index)}\n`);
  print(`${to}: ${experts} equal experts in each of ${sizes.layers} layers, ${(bytes / 1e9).toFixed(2)} GB`);
}

function reader(model: GgufModel, sizes: DenseSizes): Read {
  const architecture = architectureOf(model);
  return (name) => {
    const place = ggufPlace(model, { architecture, sizes }, name);
    if (place === undefined) throw tensorError(model.path, ...missingInGguf(model, name));
    return readGgufPlace(place, sizes.headDim);
  };
}

interface Part {
  spec: TensorSpec;
  /** Little-endian bytes of the tensor. */
  data: () => Uint8Array | Promise<Uint8Array>;
}

const bytesOf = (values: Float32Array | Uint16Array) =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

const denseParts = (specs: readonly TensorSpec[], read: Read): Part[] =>
  specs.map((spec) => ({ spec, data: async () => bytesOf(await read(spec.name)) }));

const modelParts = (sizes: DenseSizes, read: Read): Part[] => denseParts(modelSpecs(sizes), read);

interface LayerOptions {
  layer: number;
  experts: number;
  seed: number;
  sizes: DenseSizes;
  read: Read;
}

async function layerParts({ layer, experts, seed, sizes, read }: LayerOptions): Promise<Part[]> {
  const matrices: Uint8Array[] = [];
  for (const { source } of expertParts) {
    const values = await read(`model.layers.${layer}.mlp.${source}.weight`);
    const halves = new Uint16Array(values.length);
    narrowHalf(values, halves);
    matrices.push(bytesOf(halves));
  }
  const expertsOf = Array.from({ length: experts }, (_, expert) =>
    expertSpecs(layer, expert, sizes).map(
      (spec, i): Part => ({ spec, data: () => matrices[i] ?? new Uint8Array() }),
    ),
  );
  return [
    ...denseParts(denseSpecs(layer, sizes), read),
    { spec: routerSpec(layer, experts, sizes), data: () => bytesOf(routerOf(layer, experts, sizes, seed)) },
    ...expertsOf.flat(),
  ];
}

/** Random rows of equal length, so that no expert is preferred because its row is longer. */
function routerOf(
  layer: number,
  experts: number,
  { hidden }: DenseSizes,
  seed: number,
): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(experts * hidden);
  fillRandom(rows, 0, streamKey(seed, `router ${layer}`), 0, 1);
  for (let start = 0; start < rows.length; start += hidden) {
    const row = rows.subarray(start, start + hidden);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / hidden);
    for (let i = 0; i < hidden; i++) row[i] = row[i]! / length;
  }
  return rows;
}

/** Writes one safetensors file. Returns the bytes of its tensors. */
async function writeTensors(path: string, parts: readonly Part[]): Promise<number> {
  const { header, tensors, bytes } = layOut(parts.map(({ spec }) => spec));
  const file = await open(path, 'w');
  try {
    await file.write(header, 0, header.length, 0);
    for (const { spec, data } of parts) {
      const content = await data();
      const place = tensors.get(spec.name);
      if (place?.bytes !== content.length)
        throw new Error(`${spec.name}: ${content.length} bytes, not ${place?.bytes}`);
      await file.write(content, 0, content.length, place.start);
    }
  } finally {
    await file.close();
  }
  return bytes - header.length;
}

const USAGE = 'usage: node scripts/spread.ts MODEL.gguf DIR [--experts 96] [--seed 1]\n';

/** The command line. Undefined if it is wrong or asks for help. */
function parseCommand(args: readonly string[]) {
  const options = {
    experts: { type: 'string', default: '96' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean' },
  } as const;
  try {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
    const [from, to] = positionals;
    const [experts, seed] = [Number(values.experts), Number(values.seed)];
    const isSound = experts >= 1 && Number.isInteger(experts) && Number.isInteger(seed);
    if (values.help || from === undefined || to === undefined || !isSound) return undefined;
    return { from, to, experts, seed };
  } catch {
    return undefined; // an unknown flag
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const command = parseCommand(process.argv.slice(2));
  if (command === undefined) {
    process.stderr.write(USAGE);
    process.exit(2);
  }
  const print = (line: string) => process.stdout.write(`${line}\n`);
  await spread({ ...command, print }).catch((error: unknown) => {
    process.stderr.write(`${errorText(error)}\n`);
    process.exitCode = 1;
  });
}
