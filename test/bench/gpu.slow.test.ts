// Packs everything for a GPU machine, and runs the script of that machine here, without a GPU.
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { tinyFolder } from '../support/models/tiny-bundle.ts';
import { startProcess } from '../support/process.ts';

const pack = join(import.meta.dirname, '..', '..', 'bench', 'gpu', 'pack.ts');
let folder: string;

beforeAll(async () => {
  folder = await tinyFolder();
  const packing = startProcess(process.execPath, [pack, '--to', folder, '--fast', '--limit', '128']);
  expect(await packing.exit).toEqual({ code: 0, signal: null });
  expect(packing.stdout).toMatch(/expertgrid-gpu\.tar\.xz: [\d.]+ MiB/);
});

it('run.sh unpacks Node and packages, says that there is no GPU, and ends with exit code 3', async () => {
  const env = { ...process.env, VK_ICD_FILENAMES: '/dev/null' };
  const run = startProcess('sh', [join(folder, 'run.sh'), join(folder, 'results')], { env });
  expect(await run.exit).toEqual({ code: 3, signal: null });
  expect(run.stdout).toContain('driver: /dev/null');
  expect(run.stderr).toContain('--device webgpu: Failed to get a WebGPU adapter');
});

it('run.sh ends with exit code 4 if the archive is missing', async () => {
  const run = startProcess('sh', [
    '-c',
    `cp '${folder}/run.sh' '${folder}/results/' && sh '${folder}/results/run.sh'`,
  ]);
  expect(await run.exit).toEqual({ code: 4, signal: null });
  expect(run.stderr).toContain('the archive cannot be unpacked');
});
