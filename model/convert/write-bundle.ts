// Carries out a plan: writes files beside the target, gives the tasks to threads, keeps a journal from which an interrupted run
// resumes, and renames the result.
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { version } from '../../base/package.ts';
import { goldenTensors } from '../bundle/golden-file.ts';
import { canonicalJson, hashLines, shortHash } from '../bundle/hash.ts';
import { contentHashOf, type Manifest, writeManifest } from '../bundle/manifest.ts';
import { unitShape } from '../config/model-config.ts';
import { BadValuesError } from '../errors.ts';
import { layOut } from '../safetensors.ts';
import { GROUP } from '../tiles.ts';
import { type Journal, type JournalEntry, openJournal } from './journal.ts';
import type { BundlePlan } from './plan.ts';
import { runTasks } from './pool.ts';
import { type KindErrors, mergeErrors, noErrors } from './report/errors.ts';
import { discard, finish, flush, partialDir, prepareFiles, refuseOccupied, requireSpace } from './staging.ts';
import type { TaskResult } from './task.ts';

/** The program that the manifest records. */
const TOOL = `expertgrid ${version}`;

export interface WriteOptions {
  to: string;
  signal?: AbortSignal;
  /** Counts bytes of source. */
  onProgress?: (progress: { done: number; total: number }) => void;
  /** Number of threads. Default: the number of cores. The bundle's bytes do not depend on it. */
  workers?: number;
  /** Whether to measure how far the stored weights are from the source's. A resumed run repeats tasks that were not measured. */
  measured?: boolean;
  /** Called with the directory of the complete bundle before the rename. If it throws, the conversion can be resumed. */
  beforeFinish?: (dir: string) => Promise<void>;
}

interface BundleContents {
  /** Makes the plan for the directory to which files are written. */
  plan: (dir: string) => BundlePlan;
  /** Small files that are copied unchanged. */
  copies: ReadonlyMap<string, Uint8Array>;
  /** Other facts that must be the same when a run is resumed: the source files' times, or a seed. */
  stamps: readonly string[];
  identity: (plan: BundlePlan, results: readonly JournalEntry[]) => string;
}

export interface WrittenBundle {
  dir: string;
  identity: string;
  contentHash: string;
  /** Bytes of all files except bundle.json and the files that `beforeFinish` adds. */
  bytes: number;
  tasks: number;
  /** Number of tasks that an earlier run had done. */
  resumed: number;
  /** Errors by kind of tensor, if they were measured. */
  errors?: KindErrors[];
}

export async function writeBundle(contents: BundleContents, options: WriteOptions): Promise<WrittenBundle> {
  const { signal, onProgress, workers = availableParallelism(), measured = false } = options;
  const to = resolve(options.to);
  const dir = partialDir(to);
  await refuseOccupied(to);
  const plan = contents.plan(dir);
  await mkdir(dir, { recursive: true });
  await requireSpace(dir, plan.files, bytesBeside(contents, plan));
  const journal = openJournal(dir, fingerprint(plan, contents));
  try {
    await prepareFiles(dir, plan.files, contents.copies);
    const { results, resumed } = await runPlan({ plan, journal, workers, signal, onProgress, measured });
    const manifest = describe(plan, contents, results);
    for (const { name } of plan.files) await flush(join(dir, name));
    await writeManifest(dir, manifest);
    await options.beforeFinish?.(dir);
    await finish(dir, to);
    const bytes = Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0);
    const { identity, contentHash } = manifest;
    const written = { dir: to, identity, contentHash, bytes, tasks: plan.tasks.length, resumed };
    return measured ? { ...written, errors: errorsOf(plan, results) } : written;
  } catch (error) {
    if (error instanceof BadValuesError)
      await discard(dir, [...contents.copies.keys(), ...plan.files.map(({ name }) => name)]);
    throw error;
  } finally {
    journal.close();
  }
}

/** About the size of an entry in the journal. */
const ENTRY_BYTES = 256;

/** Bytes that are written in addition to the weights: copies, journal, golden rows. */
function bytesBeside({ copies }: BundleContents, { config, tasks }: BundlePlan): number {
  const copied = [...copies.values()].reduce((sum, { length }) => sum + length, 0);
  return copied + tasks.length * ENTRY_BYTES + layOut(goldenTensors(unitShape(config))).bytes;
}

/** A hash of everything that decides the bundle's bytes, so that the work of another bundle is not resumed. */
function fingerprint({ config, bits, tasks }: BundlePlan, { copies, stamps }: BundleContents): string {
  return hashLines([
    TOOL,
    canonicalJson({ config, bits, parts: tasks.map(({ parts, offset }) => ({ parts, offset })) }),
    ...[...copies].map(([name, data]) => `${name} ${shortHash(data)}`),
    ...stamps,
  ]);
}

interface RunOptions extends Pick<WriteOptions, 'signal' | 'onProgress'> {
  plan: BundlePlan;
  journal: Journal;
  workers: number;
  measured: boolean;
}

async function runPlan({ plan, journal, workers, signal, onProgress, measured }: RunOptions) {
  const total = plan.tasks.reduce((sum, { sourceBytes }) => sum + sourceBytes, 0);
  const results: JournalEntry[] = [];
  let done = 0;
  let resumed = 0;
  const record = ({ id, hash, sourceHashes, errors }: TaskResult): void => {
    const earlier = journal.entries.get(id);
    if (sourceHashes !== undefined) {
      results[id] = { id, hash, sourceHashes, ...(errors && { errors }) };
      journal.append(results[id]);
    } else if (earlier !== undefined) {
      results[id] = earlier;
      resumed++;
    }
  };
  const tasks = plan.tasks.map(({ id, path, offset, bytes, sourceBytes, parts }) => {
    const earlier = journal.entries.get(id);
    const recorded = measured && earlier?.errors === undefined ? undefined : earlier?.hash;
    return { id, path, offset, bytes, sourceBytes, parts, recorded, ...(measured && { measured }) };
  });
  onProgress?.({ done, total });
  const onBytes = (bytes: number): void => {
    done += bytes;
    onProgress?.({ done, total });
  };
  await runTasks({ tasks, workers, signal, onBytes, onResult: record });
  return { results, resumed };
}

function errorsOf({ tasks }: BundlePlan, results: readonly JournalEntry[]): KindErrors[] {
  return mergeErrors(
    tasks.flatMap(({ id, tensors }) =>
      tensors.map(({ name }, i) => ({ name, errors: results[id]?.errors?.[i] ?? noErrors })),
    ),
  );
}

function describe(plan: BundlePlan, contents: BundleContents, results: readonly JournalEntry[]): Manifest {
  const { config, bits, files, tasks } = plan;
  const copies = [...contents.copies].map(([name, data]): [string, Manifest['files'][string]] => {
    return [name, { bytes: data.length, hash: shortHash(data) }];
  });
  const dense: [string, string][] = [];
  const experts: Manifest['experts'] = Array.from({ length: unitShape(config).layers }, () => []);
  for (const task of tasks) {
    const hash = results[task.id]?.hash;
    if (hash === undefined) throw new Error(`task ${task.id} has no result`);
    if (task.kind === 'dense') dense.push([task.name, hash]);
    else experts[task.layer]?.push({ file: task.file, offset: task.offset, length: task.bytes, hash });
  }
  const manifest: Omit<Manifest, 'contentHash'> = {
    format: 1,
    tool: TOOL,
    identity: contents.identity(plan, results),
    bits,
    group: GROUP,
    sourceDtypes: [...new Set(tasks.flatMap(({ dtypes }) => dtypes))].sort(),
    files: Object.fromEntries([...copies, ...files.map(({ name, bytes }) => [name, { bytes }] as const)]),
    dense: Object.fromEntries(dense.sort(([a], [b]) => (a < b ? -1 : 1))),
    experts,
  };
  return { ...manifest, contentHash: contentHashOf(manifest) };
}
