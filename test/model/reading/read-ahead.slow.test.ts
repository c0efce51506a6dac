// The thread that reads ahead, and the reaction of a process to damage that is found while it serves.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Bundle, openBundle } from '../../../model/bundle/bundle.ts';
import { openExpertDevice } from '../../../model/devices/open.ts';
import { ReadAhead } from '../../../model/reading/start-read-ahead.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { eventually, startCli } from '../../support/process.ts';

const unitsOf = ({ config: { layers, experts } }: Bundle) =>
  Array.from({ length: layers * experts }, (_, i) => ({
    layer: Math.floor(i / experts),
    expert: i % experts,
  }));

async function damage(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at]! ^= 16;
  await writeFile(path, bytes);
}

const damageExpert = async (dir: string, layer: number, expert: number) => {
  const bundle = await openBundle(dir);
  const { path, offset } = bundle.expertRange({ layer, expert });
  await bundle.close();
  await damage(path, offset + 3);
};

describe('reading ahead', () => {
  it('finds the dense part sound, then the experts layer by layer, and maps them in', async () => {
    const bundle = await openBundle(await tinyBundle({ seed: 31 }));
    const units = unitsOf(bundle);
    const opened = await openExpertDevice({ bundle });
    const mapped: string[] = [];
    const spied = Object.assign(opened, {
      mapIn: ({ layer, expert }: { layer: number; expert: number }) => void mapped.push(`${layer}:${expert}`),
      isResident: () => true,
    });
    const told: number[] = [];
    let total = 0;
    const reading = new ReadAhead({
      bundle,
      dense: true,
      units: units.toReversed(),
      onUnits: (done, all) => {
        told.push(done);
        total = all;
      },
      onDamaged: (error) => expect.unreachable(error.message),
    });
    reading.serve(spied);
    await reading.dense;
    await eventually(() => total > 0 && told.at(-1) === total);
    await reading.stop();
    expect(mapped).toEqual(units.map(({ layer, expert }) => `${layer}:${expert}`));
    expect(total).toBe(units.reduce((sum, unit) => sum + bundle.expertRange(unit).bytes, 0));
    await opened.dispose();
    await bundle.close();
  });

  it('reports damage once, and rejects waits for the dense part if it is damaged', async () => {
    const dir = await tinyBundle({ seed: 32 });
    const bundle = await openBundle(dir);
    const { path, offset, what } = bundle.matrixRanges()[1]!;
    await damage(path, offset);
    const found: string[] = [];
    const reading = new ReadAhead({
      bundle,
      dense: true,
      units: unitsOf(bundle),
      onDamaged: ({ message }) => found.push(message),
    });
    const message = `${path}: ${what}: does not match its hash in bundle.json: damaged or replaced`;
    await expect(reading.dense).rejects.toThrow(message);
    await reading.stop();
    expect(found).toEqual([message]);
    await bundle.close();
  });

  it('ends when it is stopped', async () => {
    const bundle = await openBundle(await tinyBundle({ seed: 31 }));
    const reading = new ReadAhead({
      bundle,
      dense: true,
      units: unitsOf(bundle),
      onDamaged: (error) => expect.unreachable(error.message),
    });
    await reading.stop();
    await bundle.close();
  });
});

describe('a damaged expert', () => {
  it('takes a shard out of service with its file and name', async () => {
    const dir = await tinyBundle({ seed: 33 });
    await damageExpert(dir, 1, 7);
    const shard = startCli(['shard', '--model', dir, '--experts', '0-95', '--port', '0']);
    expect(await shard.exit).toEqual({ code: 1, signal: null });
    expect(shard.stdout).toContain('shard ready');
    expect(shard.stderr).toContain(join(dir, 'experts-00001.safetensors'));
    expect(shard.stderr).toContain('expert 7 of layer 1: does not match its hash');
    expect(shard.stderr).toContain('leaving service');
  });

  it('does not affect a shard that does not hold it', async () => {
    const dir = await tinyBundle({ seed: 33 });
    const shard = startCli(['shard', '--model', dir, '--experts', '8-95', '--port', '0']);
    await shard.says(/shard ready/);
    shard.signal('SIGTERM');
    expect(await shard.exit).toEqual({ code: 0, signal: null });
  });

  it('is found by a shard of `up`, which reads ahead only after everything is ready', async () => {
    const dir = await tinyBundle({ seed: 33 });
    const up = startCli(['up', '--shards', '2', '--model', dir, '--port', '0']);
    await up.says(/expert 7 of layer 1: does not match its hash.*leaving service/);
    expect(up.stdout).toContain('ready in');
    up.signal('SIGTERM');
    expect(await up.exit).toEqual({ code: 0, signal: null });
  });

  it('ends a process that computes its experts itself, without shards', async () => {
    const dir = await tinyBundle({ seed: 34 });
    await damageExpert(dir, 2, 95);
    const up = startCli(['up', '--in-process', '--model', dir, '--port', '0']);
    expect(await up.exit).toEqual({ code: 1, signal: null });
    expect(up.stderr).toContain('expert 95 of layer 2: does not match its hash');
  });
});

it.each([['--in-process'], ['--shards', '2']])(
  'a damaged dense part is never served: %s %s',
  async (...flags) => {
    const dir = await tinyBundle({ seed: 35 + flags.length });
    const bundle = await openBundle(dir);
    const { path, offset, bytes, what } = bundle.matrixRanges().at(-1)!;
    await bundle.close();
    await damage(path, offset + bytes - 1);
    const up = startCli(['up', ...flags, '--model', dir, '--port', '0']);
    expect(await up.exit).toEqual({ code: 1, signal: null });
    expect(up.stdout).toBe('');
    expect(up.stderr).toContain(`${path}: ${what}: does not match its hash in bundle.json`);
  },
);
