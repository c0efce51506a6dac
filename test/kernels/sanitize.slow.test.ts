// Builds the addon with address and undefined-behaviour sanitizers and calls it at random, on every path (instruction set).
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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

beforeAll(() => {
  const beside = join(dirname(dirname(process.execPath)), 'include/node');
  const headers = existsSync(beside) ? beside : '/usr/include/node';
  const common = ['-std=c11', '-O1', '-g', '-fPIC', '-ffp-contract=off', '-fno-math-errno', '-D_GNU_SOURCE'];
  const checks = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'];
  const objects = targets().flatMap(({ sources, flags }) =>
    sources.map((source) => {
      const object = join(folder, `${source.replaceAll('/', '-')}.o`);
      const cpu = flags.filter((flag) => flag.startsWith('-m'));
      compiler(
        ...[...common, ...checks, ...cpu, '-DNAPI_VERSION=8', '-I', headers],
        ...['-c', join(root, source), '-o', object],
      );
      return object;
    }),
  );
  compiler('-shared', ...checks, ...objects, '-o', addon, '-lm', '-lpthread', '-ldl');
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each([1, 2, 3])('random calls read and write nothing outside their arguments (seed %i)', (seed) => {
  const script = join(import.meta.dirname, 'fuzz-calls.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, addon, String(seed), '20000'], {
    encoding: 'utf8',
    env: {
      ...process.env,
      LD_PRELOAD: ['libasan.so', 'libubsan.so'].map((name) => compiler(`-print-file-name=${name}`)).join(' '),
      // Leaks are not checked, because Node itself frees nothing at exit.
      ASAN_OPTIONS: 'detect_leaks=0',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { good, refused } = JSON.parse(stdout);
  expect(good).toBeGreaterThan(5000);
  expect(refused).toBeGreaterThan(5000);
});
