// A conversion that is stopped and resumed gives the same bytes as one that is not stopped.
import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, open, readdir, readFile, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convert } from '../../../model/convert/convert.ts';
import { synth } from '../../../model/synth.ts';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';

let dir: string;
let from: string;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'resume-'));
  // Large enough that the conversion uses threads.
  ({ dir: from } = await writeCheckpoint(join(dir, 'checkpoint'), {
    hidden: 256,
    inner: 96,
    experts: 48,
    shards: 2,
  }));
});
afterAll(() => rm(dir, { recursive: true }));
const fresh = () => join(dir, String(count++));

async function contents(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder)).sort();
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(join(folder, name), 'latin1')] as const),
    ),
  );
}

/** Runs until a share of the work is done, then aborts. */
async function stopAt(share: number, to: string, run: typeof convertTo): Promise<void> {
  const controller = new AbortController();
  const stopped = run(to, {
    signal: controller.signal,
    onProgress: ({ done, total }) => {
      if (done >= share * total) controller.abort();
    },
  });
  await expect(stopped).rejects.toThrow(/abort/i);
  expect(existsSync(to)).toBe(false);
  expect(existsSync(`${to}.partial`)).toBe(true);
}

type Options = Pick<Parameters<typeof convert>[0], 'signal' | 'onProgress' | 'bits'>;
const convertTo = (to: string, options: Partial<Options> = {}) =>
  convert({ from, to, bits: 4, workers: 2, ...options });

describe('an interrupted conversion', () => {
  it.each([4, 6] as const)(
    'gives the same bytes when it is resumed, however often it is stopped (%i bits)',
    async (bits) => {
      const undisturbed = fresh();
      await convertTo(undisturbed, { bits });
      const to = fresh();
      const atBits: typeof convertTo = (dir, options) => convertTo(dir, { bits, ...options });
      for (const share of [0.05, 0.4, 0.7]) await stopAt(share, to, atBits);
      const { resumed, tasks } = await convertTo(to, { bits });
      expect(resumed).toBeGreaterThan(tasks / 3);
      expect(resumed).toBeLessThan(tasks);
      expect(await contents(to)).toEqual(await contents(undisturbed));
      expect(existsSync(`${to}.partial`)).toBe(false);
    },
  );

  it('repeats recorded work whose bytes were lost, and drops an incomplete record', async () => {
    const undisturbed = fresh();
    await convertTo(undisturbed);
    const to = fresh();
    await stopAt(0.6, to, convertTo);
    const file = await open(join(`${to}.partial`, 'experts-00000.safetensors'), 'r+');
    const { size } = await file.stat();
    await file.write(new Uint8Array(5000), 0, 5000, Math.floor(size / 3));
    await file.close();
    await appendFile(join(`${to}.partial`, 'journal.jsonl'), '{"id":70,"hash":"00');
    await convertTo(to);
    expect(await contents(to)).toEqual(await contents(undisturbed));
  });

  it('is refused at another precision or from a changed source', async () => {
    const to = fresh();
    await stopAt(0.3, to, convertTo);
    await expect(convertTo(to, { bits: 8 })).rejects.toThrow(`${to}.partial: was begun from another source`);
    const later = new Date(Date.now() + 60_000);
    await utimes(join(from, 'model-00001-of-00002.safetensors'), later, later);
    await expect(convertTo(to)).rejects.toThrow('delete it to start afresh');
  });

  it('is refused while another process writes to the same directory', async () => {
    const to = fresh();
    let second: Promise<string> | undefined;
    const onProgress = () => {
      second ??= convertTo(to).then(
        () => 'was written',
        (error: Error) => error.message,
      );
    };
    await convertTo(to, { onProgress });
    expect(await second).toBe(
      `${to}.partial: another process is writing it: wait for that process, or choose another directory`,
    );
  });

  it('that is aborted before it begins does nothing', async () => {
    const to = fresh();
    await expect(convertTo(to, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    await convertTo(to);
  });
});

it('an interrupted synth gives the same bytes when it is resumed', async () => {
  const shape = join(from, 'config.json');
  const write = (to: string, options: Partial<Options> = {}) =>
    synth({ shape, to, bits: 8, seed: 3, ...options });
  const undisturbed = fresh();
  await write(undisturbed);
  const to = fresh();
  const controller = new AbortController();
  const onProgress: Options['onProgress'] = ({ done, total }) => {
    if (done > total / 2) controller.abort();
  };
  await expect(write(to, { signal: controller.signal, onProgress })).rejects.toThrow(/abort/i);
  await write(to);
  expect(await contents(to)).toEqual(await contents(undisturbed));
});
