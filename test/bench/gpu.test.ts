// The package for a GPU machine, as far as it can be tested without one.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isCarried, isUsed, packagesFor } from '../../bench/gpu/contents.ts';
import { tinyBundle } from '../support/models/tiny-bundle.ts';
import { startProcess } from '../support/process.ts';

const root = join(import.meta.dirname, '..', '..');
const layers = join(root, 'bench', 'gpu', 'layers.ts');

describe('the package for a GPU machine', () => {
  it('has the dependencies of expertgrid and of the tests, and no other packages', () => {
    const packages = packagesFor(root);
    expect(packages).toEqual(
      expect.arrayContaining(['vitest', 'vite', 'rolldown', 'fast-check', 'msgpackr', 'onnxruntime-common']),
    );
    for (const name of ['typescript', 'wrangler', '@biomejs/biome', 'openai'])
      expect(packages).not.toContain(name);
  });

  it('leaves out models, and libraries for other systems', () => {
    expect(['models/nano/bundle.json', 'docs/api.md'].filter(isCarried)).toEqual([]);
    expect(isCarried('model/devices/open.ts')).toBe(true);
    const bin = 'onnxruntime-node/bin/napi-v6';
    expect(
      [`${bin}/win32/x64`, `${bin}/linux/arm64/a.so`, `${bin}/darwin`, 'zod/index.d.ts'].filter(isUsed),
    ).toEqual([]);
    expect([bin, `${bin}/linux`, `${bin}/linux/x64/a.so`, 'zod/index.js'].every(isUsed)).toBe(true);
  });
});

describe('bench/gpu/layers.ts', () => {
  it('times attention and experts for each number of rows', async () => {
    const args = ['--device', 'cpu', '--model', await tinyBundle(), '--rows', '1,4', '--runs', '2'];
    const run = startProcess(process.execPath, [layers, ...args]);
    expect(await run.exit).toEqual({ code: 0, signal: null });
    const { lines } = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '') as {
      lines: { rows: number; attentionUs: number; expertsUs: number }[];
    };
    expect(lines.map(({ rows }) => rows)).toEqual([1, 4]);
    for (const { attentionUs, expertsUs } of lines)
      expect(Math.min(attentionUs, expertsUs)).toBeGreaterThan(0);
  });

  it('ends with exit code 3 if there is no GPU', async () => {
    const env = { ...process.env, VK_ICD_FILENAMES: '/dev/null' };
    const run = startProcess(process.execPath, [layers, '--check'], { env });
    expect(await run.exit).toEqual({ code: 3, signal: null });
    expect(run.stderr).toContain('install a Vulkan driver');
  });
});
