// The verbs convert and synth as a user meets them: exit codes, one-line errors, Ctrl-C and resuming.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { openGoldens } from '../../../model/bundle/goldens.ts';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';

const main = join(import.meta.dirname, '..', '..', '..', 'cli', 'main.ts');

let dir: string;
let from: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'convert-cli-'));
  ({ dir: from } = await writeCheckpoint(join(dir, 'checkpoint'), { vocab: 50 }));
});
afterAll(() => rm(dir, { recursive: true }));

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface RunOptions {
  env?: NodeJS.ProcessEnv;
  /** The signal is sent as soon as stderr holds this text. */
  interruptAt?: string;
  signal?: NodeJS.Signals;
}

/** Runs a verb. With `interruptAt`, sends `signal`, by default the SIGINT of a Ctrl-C. */
function run(args: string[], { env = {}, interruptAt, signal = 'SIGINT' }: RunOptions = {}) {
  return new Promise<Ended>((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...env } });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => {
      const before = output.stderr;
      output.stderr += data.toString();
      if (interruptAt === undefined || before.includes(interruptAt)) return;
      if (output.stderr.includes(interruptAt)) child.kill(signal);
    });
    child.on('close', (code) => resolve({ code, ...output }));
  });
}

describe('expertgrid convert', () => {
  it('converts with flags from the command line or the environment', async () => {
    const to = join(dir, 'bundle');
    const { code, stdout, stderr } = await run(['convert', '--to', to], {
      env: { EXPERTGRID_FROM: from, EXPERTGRID_BITS: '8' },
    });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^.*bundle: .*sha256:[0-9a-f]{64}\n$/),
    });
    expect(stderr).toContain('converting 100 %');
    expect(stderr).toContain('has no tokenizer.json');
    const bundle = await openBundle(to);
    expect(bundle.bits).toBe(8);
    expect(await openGoldens(bundle)).toBeDefined();
    await bundle.close();
  });

  it('prints one line that names the fault, and exits with 1', async () => {
    const { dir: broken } = await writeCheckpoint(join(dir, 'broken'), { vocab: 50 });
    await truncate(join(broken, 'model.safetensors'), 90_000);
    const { code, stderr } = await run(['convert', '--from', broken, '--to', join(dir, 'none')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^expertgrid: .*model\.safetensors: tensor model\.layers\.\S+: .*truncated\n$/);
    expect(existsSync(join(dir, 'none'))).toBe(false);
  });

  it.each([
    ['an unsupported group size', ['--group-size', '64'], 'Only groups of 32'],
    ['an unsupported precision', ['--bits', '5'], 'It must be 4, 6, 8, 16 or 32'],
    ['an unknown flag', ['--bit', '4'], 'unknown option'],
  ])('exits with 2 on %s', async (_what, args, message) => {
    const { code, stderr } = await run(['convert', '--from', from, '--to', join(dir, 'none'), ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it('exits with 2 if a directory is not given', async () => {
    const { code, stderr } = await run(['convert', '--to', join(dir, 'none')]);
    expect(code).toBe(2);
    expect(stderr).toContain('--from');
  });
});

describe('golden answers of a new bundle', () => {
  it.each(['SIGINT', 'SIGKILL'] as const)(
    'are resumed after %s, and are equal to those of an uninterrupted run',
    async (signal) => {
      const shape = join(dir, `${signal}.json`);
      const config = { model_type: 'qwen3_moe', hidden_size: 64, num_hidden_layers: 4, num_experts: 64 };
      const heads = { num_attention_heads: 4, num_key_value_heads: 2, num_experts_per_tok: 1 };
      await writeFile(
        shape,
        JSON.stringify({ ...config, ...heads, moe_intermediate_size: 32, vocab_size: 50 }),
      );
      const argsTo = (to: string) => ['synth', '--shape', shape, '--to', join(dir, to), '--bits', '16'];
      expect((await run(argsTo(`${signal}-whole`))).code).toBe(0);
      const stopped = await run(argsTo(signal), { interruptAt: 'golden answers', signal });
      expect(stopped.code).toBe(signal === 'SIGINT' ? 130 : null);
      expect(existsSync(join(dir, signal))).toBe(false);
      expect((await run(argsTo(signal))).code).toBe(0);
      const files = await Promise.all(
        [signal, `${signal}-whole`].map((at) => readFile(join(dir, at, 'golden.safetensors'))),
      );
      expect(files[0]?.equals(files[1]!)).toBe(true);
      expect((await readdir(join(dir, signal))).sort()).toEqual(
        (await readdir(join(dir, `${signal}-whole`))).sort(),
      );
    },
  );
});

describe('expertgrid synth', () => {
  it('stops cleanly on Ctrl-C, exits with 130, and resumes', async () => {
    const shape = join(dir, 'shape.json');
    const config = {
      model_type: 'qwen3_moe',
      hidden_size: 512,
      num_hidden_layers: 2,
      num_attention_heads: 8,
      num_key_value_heads: 2,
      num_experts: 100,
      num_experts_per_tok: 1,
      moe_intermediate_size: 512,
      vocab_size: 1000,
    };
    await writeFile(shape, JSON.stringify(config));
    const to = join(dir, 'synth');
    const args = ['synth', '--shape', shape, '--to', to, '--seed', '7'];
    const stopped = await run(args, { interruptAt: '10 %' });
    expect(stopped.stderr).toContain('stopped; run the same command to resume\n');
    expect(stopped.code).toBe(130);
    expect(existsSync(to)).toBe(false);
    const resumed = await run(args);
    expect(resumed.code).toBe(0);
    const bundle = await openBundle(to);
    const { up } = await bundle.readExpert({ layer: 1, expert: 39 });
    expect(up).toMatchObject({ encoding: 'q4', rows: 512, cols: 512 });
    await bundle.close();
  });
});
