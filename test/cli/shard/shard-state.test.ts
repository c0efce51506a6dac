// The state directory of a shard, after restarts and crashes.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { shardState } from '../../../cli/shard/shard-state.ts';

const identity = `sha256:${'a'.repeat(64)}`;
const placement = { version: 1, model: identity, epoch: 3, shards: { a: '0-3' } } as const;
const file = `placement-${'a'.repeat(16)}.json`;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'shard-state-'));
});
afterEach(() => rm(dir, { recursive: true }));

it('reads the saved state, also through a new ShardState, as after a restart', async () => {
  await shardState(join(dir, 'new')).save(identity, { placement, held: '0-3' });
  expect(await shardState(join(dir, 'new')).read(identity)).toEqual({ placement, held: '0-3' });
});

it('returns undefined for a model that was never saved', async () => {
  await shardState(dir).save(identity, { placement: undefined, held: '' });
  expect(await shardState(dir).read(`sha256:${'b'.repeat(64)}`)).toBeUndefined();
  expect(await shardState(dir).read(identity)).toEqual({ placement: undefined, held: '' });
});

it('saves in the order of the calls, and leaves no temporary file', async () => {
  const state = shardState(dir);
  const held = Array.from({ length: 20 }, (_, expert) => String(expert));
  await Promise.all(held.map((each) => state.save(identity, { placement, held: each })));
  expect((await state.read(identity))?.held).toBe('19');
  expect(await readdir(dir)).toEqual([file]);
});

it('can save after an earlier save has failed', async () => {
  await writeFile(join(dir, 'taken'), 'a file where the directory should be');
  const state = shardState(join(dir, 'taken'));
  await expect(state.save(identity, { placement, held: '0' })).rejects.toThrow('EEXIST');
  await rm(join(dir, 'taken'));
  await state.save(identity, { placement, held: '1' });
  expect((await state.read(identity))?.held).toBe('1');
});

it.each([
  ['{', /Expected property name/],
  ['{"placement": {}}', /held must be text such as 0-23/],
  ['{"held": "0", "placement": {"version": 2}}', /version must be 1, not 2/],
])(
  'rejects a malformed file with an error that names the file and gives advice: %s',
  async (text, reason) => {
    await writeFile(join(dir, file), text);
    const reading = shardState(dir).read(identity);
    await expect(reading).rejects.toThrow(reason);
    await expect(reading).rejects.toThrow(join(dir, file));
    await expect(reading).rejects.toThrow(/--experts$/);
    expect(await readFile(join(dir, file), 'utf8')).toBe(text);
  },
);

it('saves nothing without a directory', async () => {
  const state = shardState(undefined);
  await state.save(identity, { placement, held: '0' });
  expect(await state.read(identity)).toBeUndefined();
});
