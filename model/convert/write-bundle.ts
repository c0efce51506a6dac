// Carries out a plan: files beside the target, tasks over threads, a journal to resume from, and the rename that makes
// a bundle of it all. Knows no checkpoint.
import { mkdir, open, readdir, rename, rmdir, stat, statfs, unlink, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { canonicalJson, hashLines, shortHash } from '../bundle/hash.ts';
import { contentHashOf, type Manifest, writeManifest } from '../bundle/manifest.ts';
import { InputError } from '../errors.ts';
import { GROUP } from '../tiles.ts';
import { JOURNAL_FILE, type Journal, type JournalEntry, openJournal } from './journal.ts';
import type { BundlePlan, PlannedFile } from './plan.ts';
import { runTasks } from './pool.ts';
import type { TaskResult } from './task.ts';
import { toolVersion } from './tool.ts';

export interface WriteProgress {
  /** Bytes of source dealt with, of `total`. */
  done: number;
  total: number;
}

export interface WriteOptions {
  to: string;
  signal?: AbortSignal;
  onProgress?: (progress: WriteProgress) => void;
  /** Threads; as many as the machine has cores unless told. The bytes do not depend on it. */
  workers?: number;
}

export interface BundleContents {
  /** Makes the plan for the directory that the files are written to. */
  plan: (dir: string) => BundlePlan;
  /** Small files copied as they are. */
  copies: ReadonlyMap<string, Uint8Array>;
  /** What the plan does not say and a resumed run must find the same: the source files' times, a seed. */
  stamps: readonly string[];
  identity: (plan: BundlePlan, results: readonly JournalEntry[]) => string;
}

export interface WrittenBundle {
  dir: string;
  identity: string;
  contentHash: string;
  /** Of all files but bundle.json. */
  bytes: number;
  tasks: number;
  /** Tasks found done by an earlier run. */
  resumed: number;
}

/** Where a bundle grows until it is whole. */
export function partialDir(to: string): string {
  return `${resolve(to)}.partial`;
}

export async function writeBundle(contents: BundleContents, options: WriteOptions): Promise<WrittenBundle> {
  const { signal, onProgress, workers = availableParallelism() } = options;
  const to = resolve(options.to);
  const dir = partialDir(to);
  await refuseOccupied(to);
  const plan = contents.plan(dir);
  await mkdir(dir, { recursive: true });
  await requireSpace(dir, plan.files);
  const journal = openJournal(dir, fingerprint(plan, contents));
  try {
    await prepareFiles(dir, plan, contents.copies);
    const { results, resumed } = await runPlan({ plan, journal, workers, signal, onProgress });
    const manifest = describe(plan, contents, results);
    for (const { name } of plan.files) await flush(join(dir, name));
    await writeManifest(dir, manifest);
    await finish(dir, to);
    const bytes = Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0);
    const { identity, contentHash } = manifest;
    return { dir: to, identity, contentHash, bytes, tasks: plan.tasks.length, resumed };
  } finally {
    journal.close();
  }
}

async function refuseOccupied(to: string): Promise<void> {
  const found = await readdir(to).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new InputError(`${to}: cannot be written: ${String(error)}`, { cause: error });
  });
  if (found.length > 0)
    throw new InputError(`${to}: exists and is not empty: choose another directory or delete it`);
}

async function requireSpace(dir: string, files: readonly PlannedFile[]): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  let needed = 0;
  for (const { name, bytes } of files) {
    const present = await stat(join(dir, name)).catch(() => ({ blocks: 0 }));
    needed += Math.max(0, bytes - present.blocks * 512);
  }
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  if (needed <= bavail * bsize) return;
  throw new InputError(`${dir}: ${gigabytes(needed)} more are needed, ${gigabytes(bavail * bsize)} are free`);
}

/** Names everything that decides the bundle's bytes, so that work is never resumed into another bundle. */
function fingerprint({ config, bits, tasks }: BundlePlan, { copies, stamps }: BundleContents): string {
  return hashLines([
    toolVersion(),
    canonicalJson({ config, bits, parts: tasks.map(({ parts, offset }) => ({ parts, offset })) }),
    ...[...copies].map(([name, data]) => `${name} ${shortHash(data)}`),
    ...stamps,
  ]);
}

async function prepareFiles(
  dir: string,
  plan: BundlePlan,
  copies: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  for (const [name, data] of copies) await writeFile(join(dir, name), data);
  for (const { name, header, bytes } of plan.files) {
    const file = await open(join(dir, name), 'a+').then(async (created) => {
      await created.close();
      return open(join(dir, name), 'r+');
    });
    try {
      await file.truncate(bytes);
      await file.write(header, 0, header.length, 0);
    } finally {
      await file.close();
    }
  }
}

interface RunOptions extends Pick<WriteOptions, 'signal' | 'onProgress'> {
  plan: BundlePlan;
  journal: Journal;
  workers: number;
}

async function runPlan({ plan, journal, workers, signal, onProgress }: RunOptions) {
  const total = plan.tasks.reduce((sum, { sourceBytes }) => sum + sourceBytes, 0);
  const results: JournalEntry[] = [];
  let done = 0;
  let resumed = 0;
  const record = ({ id, hash, sourceHashes }: TaskResult): void => {
    const earlier = journal.entries.get(id);
    if (sourceHashes !== undefined) {
      results[id] = { id, hash, sourceHashes };
      journal.append(results[id]);
    } else if (earlier !== undefined) {
      results[id] = earlier;
      resumed++;
    }
  };
  const tasks = plan.tasks.map(({ id, path, offset, bytes, sourceBytes, parts }) => {
    return { id, path, offset, bytes, sourceBytes, parts, recorded: journal.entries.get(id)?.hash };
  });
  onProgress?.({ done, total });
  const onBytes = (bytes: number): void => {
    done += bytes;
    onProgress?.({ done, total });
  };
  await runTasks({ tasks, workers, signal, onBytes, onResult: record });
  return { results, resumed };
}

function describe(plan: BundlePlan, contents: BundleContents, results: readonly JournalEntry[]): Manifest {
  const { config, bits, files, tasks } = plan;
  const copies = [...contents.copies].map(([name, data]): [string, Manifest['files'][string]] => {
    return [name, { bytes: data.length, hash: shortHash(data) }];
  });
  const dense: [string, string][] = [];
  const experts: Manifest['experts'] = Array.from({ length: config.layers }, () => []);
  for (const task of tasks) {
    const hash = results[task.id]?.hash;
    if (hash === undefined) throw new Error(`task ${task.id} has no result`);
    if (task.kind === 'dense') dense.push([task.name, hash]);
    else experts[task.layer]?.push({ file: task.file, offset: task.offset, length: task.bytes, hash });
  }
  const manifest: Omit<Manifest, 'contentHash'> = {
    format: 1,
    tool: toolVersion(),
    identity: contents.identity(plan, results),
    bits,
    group: GROUP,
    sourceDtypes: [...new Set(tasks.flatMap(({ dtypes }) => dtypes))].sort(),
    files: Object.fromEntries([...copies, ...files.map(({ name, bytes }) => [name, { bytes }] as const)]),
    dense: Object.fromEntries(dense.sort(([a], [b]) => (a < b ? -1 : 1))),
    experts,
    golden: {},
  };
  return { ...manifest, contentHash: contentHashOf(manifest) };
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The rename is the moment at which the bundle exists; the journal goes after it, so that a kill between loses nothing. */
async function finish(dir: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await rmdir(to).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  });
  await rename(dir, to);
  await unlink(join(to, JOURNAL_FILE));
}
