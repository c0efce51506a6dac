// Measures one subject once, in fresh processes: cold start, warm start, memory and every load. If a load fails, the
// failure is recorded and the next load runs.
import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../../base/error-text.ts';
import { type Engine, type Generation, now, type RunningEngine, type Task } from '../engine.ts';
import { decodeRate, firstTokenSeconds } from '../load/rate.ts';
import { bytesRead, killDescendants, memoryOf } from '../process-tree.ts';
import type { Quiet } from '../quiet.ts';
import { evict, warm } from './page-cache.ts';
import { type Figure, firstLoad, type Load, loads, type Subject, warmUp, warmUps } from './rows.ts';
import type { Samples } from './samples.ts';

/** A load that takes longer has failed. */
const LOAD_LIMIT_MS = 120_000;
/** A start that takes longer has failed. ONNX Runtime first reads all 11 GB of a bundle, perhaps from a slow disk. */
const START_LIMIT_MS = 300_000;

/** Figures of a cold start. */
const COLD: readonly Figure[] = ['start-cold', 'cold-bytes'];

export interface Measurement {
  subject: Subject;
  engine: Engine;
  /** Figures to measure. */
  figures: ReadonlySet<Figure>;
  vocab: number;
  /** Receives the figures. */
  samples: Samples;
  /** Whether to start the engine once with its files dropped from the page cache. */
  cold: boolean;
  log: (line: string) => void;
  quiet: Quiet;
}

export async function measure(options: Measurement): Promise<void> {
  const { subject, engine, figures, samples, cold, log } = options;
  const note = (figure: Figure, value: number) => {
    if (figures.has(figure)) samples.add(subject, figure, value);
  };
  if (cold && COLD.some((figure) => figures.has(figure))) {
    log('cold start');
    await evict(engine.files);
    await attempt(options, COLD, () =>
      withEngine(options, async (running, spawnedAt) => {
        note('start-cold', await secondsToFirstToken(options, running, spawnedAt));
        note('cold-bytes', bytesRead(running.pid));
      }),
    );
  }
  log('reading the files');
  await warm(engine.files);
  const others = [...figures].filter((figure) => !COLD.includes(figure));
  await attempt(options, others, () =>
    withEngine(options, async (running, spawnedAt) => {
      log('warm start');
      note('start-warm', await secondsToFirstToken(options, running, spawnedAt));
      for (let i = 0; i < warmUps; i++) await generate(running, warmUp, options.vocab);
      await options.quiet.settle();
      if (figures.has('memory')) {
        const keyValues = running.keyValueBytes(taskOf(warmUp, options.vocab));
        await attempt(options, ['memory'], async () => {
          const sizes = await sizesOf(engine.inPlace ? engine.files : []);
          note('memory', memoryOf(running.pid, sizes) - keyValues);
        });
      }
      for (const load of loads) {
        const wanted = [load.decode, load.prefill].filter((figure) => figure && figures.has(figure));
        if (wanted.length === 0) continue;
        log(wanted.join(', '));
        await attempt(options, wanted, async () => {
          const generation = await options.quiet.measure(() => generate(running, load, options.vocab));
          if (load.prefill) note(load.prefill, (load.streams * load.prompt) / firstTokenSeconds(generation));
          if (load.decode) note(load.decode, decodeRate(generation));
        });
      }
    }),
  );
}

async function withEngine(
  { engine, quiet }: Measurement,
  use: (running: RunningEngine, spawnedAt: number) => Promise<void>,
): Promise<void> {
  await quiet.wait();
  const spawnedAt = now();
  try {
    const running = await within(engine.start(), START_LIMIT_MS);
    try {
      await use(running, spawnedAt);
    } finally {
      await running.stop();
    }
  } finally {
    killDescendants(process.pid); // an engine that failed to start may have left processes
  }
}

async function secondsToFirstToken(
  { vocab }: Measurement,
  running: RunningEngine,
  spawnedAt: number,
): Promise<number> {
  return firstTokenSeconds({ ...(await generate(running, firstLoad, vocab)), startedAt: spawnedAt });
}

function generate(running: RunningEngine, load: Load, vocab: number): Promise<Generation> {
  return within(running.generate(taskOf(load, vocab)), LOAD_LIMIT_MS);
}

async function within<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  const late = delay(limitMs, undefined, { ref: false }).then((): never => {
    throw new Error(`not done within ${limitMs / 1000} s`);
  });
  return await Promise.race([promise, late]);
}

async function sizesOf(files: readonly string[]): Promise<Map<string, number>> {
  return new Map(await Promise.all(files.map(async (file) => [file, (await stat(file)).size] as const)));
}

/** A task with fresh random ids, so that no prefix is in the cache. */
export function taskOf({ streams, prompt, tokens, temperature, topP }: Load, vocab: number): Task {
  const ids = () => Array.from({ length: prompt }, () => Math.floor(Math.random() * vocab));
  return { prompts: Array.from({ length: streams }, ids), tokens, temperature, topP };
}

/** Runs `action`. If it fails, logs the failure and records the failure for these figures. */
async function attempt(
  { subject, samples, log }: Measurement,
  figures: readonly (Figure | undefined)[],
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    const reason = errorText(error);
    log(`failed: ${reason}`);
    for (const figure of figures) if (figure !== undefined) samples.fail(subject, figure, reason);
  }
}
