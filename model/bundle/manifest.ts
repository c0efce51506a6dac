// bundle.json: what a bundle is and where each expert lies in it. Parses and names; reads no weights.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.ts';
import { GROUP } from '../tiles.ts';
import { hashLines } from './hash.ts';

export const MANIFEST_FILE = 'bundle.json';
export const DENSE_FILE = 'dense.safetensors';
export const GOLDEN_FILE = 'golden.safetensors';

/** `experts-LLLLL.safetensors`, one file a layer. */
export function expertsFile(layer: number): string {
  return `experts-${String(layer).padStart(5, '0')}.safetensors`;
}

const shortHash = z.string().regex(/^[0-9a-f]{32}$/);
const fullHash = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const length = z.int().nonnegative();
/** A file beside bundle.json: never a path that leads elsewhere. */
const fileName = z.string().regex(/^[\w][\w.-]*$/);

const unitSchema = z.object({ file: fileName, offset: length, length: length.min(1), hash: shortHash });

const goldenSchema = z.object({
  numericsClass: z.string().min(1),
  input: shortHash,
  digests: shortHash,
  answers: z.array(shortHash),
});

const manifestSchema = z.object({
  format: z.literal(1),
  tool: z.string(),
  identity: fullHash,
  contentHash: fullHash,
  bits: z.union([z.literal(4), z.literal(8), z.literal(16), z.literal(32)]),
  group: z.literal(GROUP),
  sourceDtypes: z.array(z.string()),
  files: z.record(fileName, z.object({ bytes: length, hash: shortHash.optional() })),
  dense: z.record(z.string(), shortHash),
  experts: z.array(z.array(unitSchema)),
  goldenRows: goldenSchema.optional(),
});

/** One expert of one layer: `length` bytes of `file` from `offset`; gate, up and down one after the other. */
export type ExpertRange = z.infer<typeof unitSchema>;

/** Hashes of the tensors of `golden.safetensors`, of `answers` one a layer, and the class of the answers. */
export type GoldenRows = z.infer<typeof goldenSchema>;

/**
 * `identity` names the source at every precision, `contentHash` these very weights. `files` lists every file of the
 * bundle but this one, with a hash for those that are copied whole. `experts[layer][expert]`. A bundle need not have
 * golden rows.
 */
export type Manifest = z.infer<typeof manifestSchema>;

export function parseManifest(json: unknown, file: string): Manifest {
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new InputError(`${file}: field ${issue?.path.join('.')}: ${issue?.message}`);
}

/** Names a bundle's weights and files, golden rows apart: two bundles with one content hash are interchangeable. */
export function contentHashOf({ bits, group, files, dense, experts }: Omit<Manifest, 'contentHash'>): string {
  const sorted = <T>(record: Record<string, T>) =>
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return hashLines([
    'expertgrid bundle 1',
    `bits ${bits} group ${group}`,
    ...sorted(files).flatMap(([name, { hash }]) => (hash === undefined ? [] : [`file ${name} ${hash}`])),
    ...sorted(dense).map(([name, hash]) => `dense ${name} ${hash}`),
    ...experts.flatMap((units, layer) =>
      units.map(({ hash }, expert) => `expert ${layer} ${expert} ${hash}`),
    ),
  ]);
}

export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InputError(`${path}: is not JSON`, { cause });
  }
}

export async function readManifest(dir: string): Promise<Manifest> {
  const path = join(dir, MANIFEST_FILE);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError(`${path}: cannot be read: ${dir} is not a bundle`, { cause });
  });
  return parseManifest(parseJson(text, path), path);
}

/** Written beside and renamed, so that a reader sees the old one or the new one whole. */
export async function writeManifest(dir: string, manifest: Manifest): Promise<void> {
  const path = join(dir, MANIFEST_FILE);
  await writeFile(`${path}.new`, `${JSON.stringify(manifest, null, 1)}\n`, { flush: true });
  await rename(`${path}.new`, path);
}

/**
 * Adds or replaces the golden rows: `staged`, a file in `dir`, becomes `golden.safetensors`. Whoever opens the bundle in
 * between finds it whole, with golden rows or without.
 */
export async function publishGoldenRows(
  dir: string,
  { staged, bytes, rows }: { staged: string; bytes: number; rows: GoldenRows },
): Promise<void> {
  const { goldenRows: earlier, ...manifest } = await readManifest(dir);
  const { [GOLDEN_FILE]: _, ...files } = manifest.files;
  if (earlier !== undefined) await writeManifest(dir, { ...manifest, files });
  await rename(join(dir, staged), join(dir, GOLDEN_FILE));
  const listed = { ...files, [GOLDEN_FILE]: { bytes } };
  await writeManifest(dir, { ...manifest, files: listed, goldenRows: rows });
}
