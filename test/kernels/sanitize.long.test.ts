// Builds the addon with address and undefined-behaviour sanitizers. Then calls it at random, on every path (instruction set), and sends
// traffic through its sockets.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..', 'kernels');
const folder = mkdtempSync(join(tmpdir(), 'expertgrid-sanitize-'));
const addon = join(folder, 'kernels.node');

const compiler = (...values: string[]) => execFileSync('gcc', values, { encoding: 'utf8' }).trim();

/** The sources and flags in binding.gyp, which is JSON except for its quotes, comments and trailing commas. */
function targets(): { sources: string[]; flags: string[] }[] {
  const text = readFileSync(join(root, 'binding.gyp'), 'utf8');
  const list = (name: string, from: string) =>
    [...(new RegExp(`'${name}': \\[([^\\]]*)\\]`).exec(from)?.[1] ?? '').matchAll(/'([^']+)'/g)].map(
      ([, value]) => value!,
    );
  const blocks = text.split("'target_name'").slice(1);
  return blocks
    .filter((block) => process.arch !== 'x64' || !block.includes('path-neon.c'))
    .filter((block) => process.arch !== 'arm64' || !/path-avx/.test(block))
    .map((block) => ({ sources: list('sources', block), flags: list('cflags', block) }));
}

beforeAll(async () => {
  const beside = join(dirname(dirname(process.execPath)), 'include/node');
  const headers = existsSync(beside) ? beside : '/usr/include/node';
  const common = ['-std=c11', '-O1', '-g', '-fPIC', '-ffp-contract=off', '-fno-math-errno', '-D_GNU_SOURCE'];
  const checks = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'];
  const objects: string[] = [];
  const waiting = targets().flatMap(({ sources, flags }) => sources.map((source) => ({ source, flags })));
  async function compileAll(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const object = join(folder, `${next.source.replaceAll('/', '-')}.o`);
      const cpu = next.flags.filter((flag) => flag.startsWith('-m'));
      const flags = [...common, ...checks, ...cpu, '-DNAPI_VERSION=8', '-I', headers];
      await promisify(execFile)('gcc', [...flags, '-c', join(root, next.source), '-o', object]);
      objects.push(object);
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, compileAll));
  compiler('-shared', ...checks, ...objects, '-o', addon, '-lm', '-lpthread', '-ldl');
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs Node with the sanitizers, and returns what it prints, as JSON. */
function run(args: readonly string[]): Record<string, number> {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: {
      ...process.env,
      KERNELS: addon,
      LD_PRELOAD: ['libasan.so', 'libubsan.so'].map((name) => compiler(`-print-file-name=${name}`)).join(' '),
      // Leaks are not checked, because Node itself frees nothing at exit.
      ASAN_OPTIONS: 'detect_leaks=0',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

it.each([1, 2, 3])('random calls read and write nothing outside their arguments (seed %i)', (seed) => {
  const script = join(import.meta.dirname, 'fuzz-calls.ts');
  const { good, refused } = run(['--expose-gc', script, addon, String(seed), '40000']);
  expect(good).toBeGreaterThan(10_000);
  expect(refused).toBeGreaterThan(10_000);
});

it.each([1, 2])(
  'a served shard and its callers touch no memory that is not theirs (seed %i)',
  (seed) => {
    const wire = join(import.meta.dirname, 'wire');
    const args = ['--import', join(wire, 'addon-instead.ts'), '--expose-gc', join(wire, 'traffic.ts')];
    const { frames, answered, exchanged } = run([...args, String(seed), '40000']);
    expect(frames).toBeGreaterThanOrEqual(40_000);
    expect(answered).toBeGreaterThan(5_000);
    expect(exchanged).toBeGreaterThan(300);
  },
  600_000,
);
