import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openBundle } from '../../model/bundle/bundle.ts';
import { readAhead } from '../../model/read-ahead.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';

const units = Array.from({ length: 8 }, (_, i) => ({ layer: Math.floor(i / 4), expert: i % 4 }));

it('reads every unit, tells how far it is, and stops when it is told to', async () => {
  const bundle = await openBundle(await tinyBundle({ layers: 2, experts: 4, seed: 21 }));
  const seen: number[] = [];
  await readAhead(bundle, units, {
    signal: new AbortController().signal,
    onProgress: (done) => seen.push(done),
    pauseMs: 0,
  });
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  const abort = new AbortController();
  let last = 0;
  await readAhead(bundle, units, {
    signal: abort.signal,
    onProgress: (done) => {
      last = done;
      if (done === 3) abort.abort();
    },
    pauseMs: 0,
  });
  expect(last).toBe(3);
  await bundle.close();
});

it('names the first damaged expert', async () => {
  const dir = await tinyBundle({ layers: 2, experts: 4, seed: 22 });
  const bundle = await openBundle(dir);
  const { file, offset } = bundle.manifest.experts[1]![2]!;
  const bytes = await readFile(join(dir, file));
  bytes[offset + 5] ^= 4;
  await writeFile(join(dir, file), bytes);
  const reading = readAhead(bundle, units, { signal: new AbortController().signal, pauseMs: 0 });
  await expect(reading).rejects.toThrow(`${file}: expert 2 of layer 1: does not match its hash`);
  await bundle.close();
});
