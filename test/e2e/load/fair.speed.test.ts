// An API key with one stream beside a key with a hundred, on the embedded model over HTTP.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FairLoad, fairLoad } from '../../../bench/load/fair-load.ts';
import { median } from '../../../bench/statistics.ts';
import { startUp } from '../gateway.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const ROUNDS = 5;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fair-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('each of two keys keeps at least 0.8 of its fair share', async () => {
  const file = join(folder, 'keys');
  const [few = '', many = ''] = ['few', 'many'].map((name) => {
    const args = [join(root, 'cli', 'main.ts'), 'key', 'create', name, '--file', file];
    return execFileSync(process.execPath, args, { encoding: 'utf8', stdio: 'pipe' }).trim();
  });
  const { url, model } = await startUp(join(root, 'models', 'nano'), ['--in-process', '--api-keys', file]);
  const found: FairLoad[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const callers = { few: { key: few, streams: 1 }, many: { key: many, streams: 100 } };
    found.push(await fairLoad({ url, model, ...callers, seconds: 2, round }));
  }
  const fewShare = median(found.map((each) => (2 * each.few) / each.fewAlone));
  const manyShare = median(found.map((each) => (2 * each.many) / each.manyAlone));
  console.log(
    `measured: ${fewShare?.toFixed(2)}x of its fair share with 1 stream, ${manyShare?.toFixed(2)}x with 100`,
  );
  expect(fewShare).toBeGreaterThanOrEqual(0.8);
  expect(manyShare).toBeGreaterThanOrEqual(0.8);
}, 180_000);
