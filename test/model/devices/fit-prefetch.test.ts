import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { parsePrefetch } from '../../../model/devices/cpu/prefetch.ts';
import { fitPrefetch, measurePrefetch } from '../../../model/devices/fit-prefetch.ts';
import { kernels } from '../../kernels/support.ts';

const folder = mkdtempSync(join(tmpdir(), 'fit-prefetch-'));
afterAll(() => rmSync(folder, { recursive: true }));
const before = kernels.path();
afterEach(() => {
  kernels.setPath(before);
  kernels.setPrefetch('none', 0);
});

const isX86 = kernels.prefetches();

it.runIf(isX86)('measures at the first start, and takes the kept hint at the next', () => {
  const file = join(folder, 'new', 'kernels.json');
  const first = fitPrefetch(file);
  expect(first?.times?.length).toBeGreaterThan(1);
  expect(first?.unkept).toBeUndefined();
  expect(kernels.prefetch()).toEqual(first?.prefetch);

  const kept: Record<string, string> = JSON.parse(readFileSync(file, 'utf8'));
  const [processor] = Object.keys(kept);
  expect(parsePrefetch(kept[processor!]!)).toEqual(first?.prefetch);
  expect(processor).toContain(kernels.path());
  writeFileSync(file, JSON.stringify({ [processor!]: 't2:4096', 'another processor': 'none' }));
  expect(fitPrefetch(file)).toEqual({ prefetch: { hint: 't2', aheadBytes: 4096 } });
  expect(kernels.prefetch()).toEqual({ hint: 't2', aheadBytes: 4096 });

  measurePrefetch(file);
  const after: Record<string, string> = JSON.parse(readFileSync(file, 'utf8'));
  expect(Object.keys(after)).toEqual([processor, 'another processor']);
});

it.runIf(isX86).each(['', '[', '7', '{"a": 1}'])('measures again if the file holds %j', (text) => {
  const file = join(folder, 'damaged.json');
  writeFileSync(file, text);
  expect(fitPrefetch(file)?.times).toBeDefined();
  expect(fitPrefetch(file)?.times).toBeUndefined();
});

it.runIf(isX86)('measures at every start if the file cannot be written', () => {
  const parent = join(folder, 'a-file');
  writeFileSync(parent, '');
  for (const _ of [1, 2]) {
    const fitted = fitPrefetch(join(parent, 'kernels.json'));
    expect(fitted?.times).toBeDefined();
    expect(fitted?.unkept).toMatch(/EEXIST|ENOTDIR/);
  }
});

it('leaves everything as it is on a path that does not prefetch', () => {
  kernels.setPath('plain');
  const file = join(folder, 'plain.json');
  expect(fitPrefetch(file)).toBeUndefined();
  expect(existsSync(file)).toBe(false);
});
