// What `expertgrid inspect` says about checkpoints of several layouts, bundles, and paths that are neither.
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeInspection } from '../../../cli/inspect/describe.ts';
import { unitsThatFit } from '../../../cli/inspect/facts.ts';
import { inspect } from '../../../cli/inspect/inspect.ts';
import { convert } from '../../../model/convert/convert.ts';
import { loadCase, writeOracleCheckpoint } from '../../oracle/rebuild.ts';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';

const MIB = 2 ** 20;
const memory = 256 * MIB;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'inspect-'));
  for (const name of ['gpt_oss-1', 'llama4-1', 'olmoe-2'])
    await writeOracleCheckpoint(join(dir, name), await loadCase(name));
});
afterAll(() => rm(dir, { recursive: true }));

describe('a checkpoint', () => {
  it('is described with what its layout computes, and the command that converts it', async () => {
    const found = await inspect(join(dir, 'gpt_oss-1'), memory);
    expect(found.served).toBe(true);
    expect(found.model).toMatchObject({ layout: 'gpt_oss', layers: 3, layersWithExperts: 3, experts: 6 });
    const text = describeInspection(found, memory);
    for (const part of ['sinks', 'windows of 5 in 2 layers', 'clamped SwiGLU', 'yarn', 'no tokenizer.json'])
      expect(text).toContain(part);
    expect(text).toMatch(/convert --from \S+gpt_oss-1 --to gpt_oss-1-4bit --bits 4/);
  });

  it('in a nested config has layers without experts', async () => {
    const { model } = await inspect(join(dir, 'llama4-1'), memory);
    expect(model).toMatchObject({ layers: 5, layersWithExperts: 2 });
    expect(model?.features).toContain('3 layers without experts (MLP of 72)');
  });

  it('is described with the tokenizer that its conversion makes', async () => {
    const from = join(dir, 'ranks');
    await cp(join(dir, 'gpt_oss-1'), from, { recursive: true });
    await writeFile(join(from, 'tokenizer.json'), '{');
    expect(Object.fromEntries((await inspect(from, memory)).files)).toMatchObject({
      text: expect.stringContaining('cannot be served: '),
    });
  });

  it('with prototypes says how many there are', async () => {
    const from = join(dir, 'prototypes');
    await writeCheckpoint(from, { experts: 8, prototypes: 4 });
    const { model } = await inspect(from, memory);
    expect(model).toMatchObject({ perToken: [4, 4] });
    expect(model?.features).toContain('the best expert of each of 4 prototypes');
  });

  it('that is not computed exactly says which field is the reason', async () => {
    const found = await inspect(join(dir, 'olmoe-2'), memory);
    expect(found).toMatchObject({ served: false, model: undefined });
    expect(found.reason).toContain('field clip_qkv');
    expect(describeInspection(found, memory)).toContain('It will not be served: ');
  });
});

it('sizes are those of the bundle', async () => {
  const from = join(dir, 'gpt_oss-1');
  const to = join(dir, 'bundle');
  const { bytes } = await convert({ from, to, bits: 8, workers: 1 });
  const before = (await inspect(from, memory)).model?.precisions.find(({ bits }) => bits === 8);
  const after = await inspect(to, memory);
  expect(after.is).toContain('a bundle at 8 bits');
  expect(after.model?.precisions).toEqual([before]);
  // The files also have headers and the copies of small files.
  expect(bytes - (before?.bundle ?? 0)).toBeGreaterThan(0);
  expect(bytes - (before?.bundle ?? 0)).toBeLessThan(32_768);
});

it('a directory without a model and a missing directory are not served', async () => {
  await mkdir(join(dir, 'empty'));
  await mkdir(join(dir, 'text'));
  await writeFile(join(dir, 'text', 'notes.txt'), 'x');
  for (const [name, reason] of [
    ['empty', 'this directory is empty'],
    ['text', 'this directory is neither a bundle'],
    ['nowhere', 'there is no such directory'],
  ] as const) {
    const found = await inspect(join(dir, name), memory);
    expect(found).toMatchObject({ served: false });
    expect(found.is).toContain(reason);
  }
});

it('a shard has room for the units that its process holds beside code and heap', () => {
  expect(unitsThatFit(MIB, 256 * MIB)).toBe(64);
  expect(unitsThatFit(100 * MIB, 256 * MIB)).toBe(0);
  expect(unitsThatFit(10, 192 * MIB)).toBe(0);
});
