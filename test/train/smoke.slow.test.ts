// The generator's own tests, and the whole way from the generator to a bundle on little text, with a few steps of every kind of
// training. Needs Python with PyTorch.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { convert } from '../../model/convert/convert.ts';
import { tinyFolder } from '../support/models/tiny-bundle.ts';

const root = join(import.meta.dirname, '..', '..');
const local = join(root, 'local', 'python', 'bin', 'python');
const python = process.env.PYTHON ?? (existsSync(local) ? local : 'python3');
const ADVICE = `${python} has no PyTorch. Run these two commands, or set PYTHON to a Python that has it:
  python3 -m venv local/python
  local/python/bin/pip install --require-hashes --requirement bench/oracle/requirements.txt`;

/** Returns what the script prints. */
async function run(args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(python, ['-B', ...args], {
    cwd: root,
    maxBuffer: 1e8,
  });
  return stdout + stderr;
}

interface LogLine {
  held?: { world: number };
  hottest?: number[];
}

beforeAll(async () => {
  await run(['-c', 'import torch, numpy, regex']).catch((cause: unknown) => {
    throw new Error(ADVICE, { cause });
  });
});

test('the generator keeps its promises', async () => {
  expect(await run(['train/world/check.py'])).toMatch(/^ok: 12000 texts, .*, 19 plots, 200 tasks$/m);
});

test('every kind of training learns, and the exported model becomes a bundle', async () => {
  const work = await tinyFolder();
  await run(['train/smoke.py', work]);
  const logOf = async (name: string): Promise<LogLine[]> => {
    const text = await readFile(join(work, `${name}.jsonl`), 'utf8');
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  const last = async (name: string) => (await logOf(name)).findLast((line) => line.held);
  const worlds = new Map<string, number>();
  for (const [name, layers] of Object.entries({
    smoke: 8,
    progressive: 8,
    elastic: 8,
    prototypes: 8,
    dense: 0,
  })) {
    const { held, hottest = [] } = (await last(name)) ?? {};
    expect([name, hottest.length]).toEqual([name, layers]);
    worlds.set(name, held?.world ?? Number.NaN);
  }
  // The smoke model has taken 25 steps and the other models four or five, after which they are still about as good as a guess.
  expect(worlds.get('smoke')).toBeLessThan(0.85 * (worlds.get('dense') ?? 0));
  for (const world of worlds.values()) expect(world).toBeLessThan(4);
  const [from, to] = [join(work, 'hf'), join(work, 'bundle')];
  const { config, hasTokenizer } = await convert({ from, to, bits: 8 });
  expect(config).toMatchObject({ layers: 8, experts: 96, hidden: 256 });
  expect(hasTokenizer).toBe(true);
});
