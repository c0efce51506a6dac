// Checks how errors of the system about files are explained: with the flag, the file and the remedy.
import { execFileSync } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { readRegularFile } from '../../../base/read-file.ts';
import { flag, inputFlag } from '../../../cli/flags/flags.ts';
import { requireFile, requireInputs } from '../../../cli/flags/input-files.ts';
import { describeFault, explain } from '../../../cli/terminal/explain.ts';
import { startCli } from '../../support/process.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'explain-'));
  await writeFile(join(folder, 'file'), 'text');
  await symlink(join(folder, 'loop'), join(folder, 'loop'));
});
afterAll(() => rm(folder, { recursive: true }));

async function parsed(args: readonly string[]): Promise<Command> {
  return await new Command('verb')
    .addOption(inputFlag('--keys <file>', 'Read'))
    .addOption(flag('--out <file>', 'Written'))
    .argument('[file]', 'Read too')
    .action(() => {})
    .parseAsync([...args], { from: 'user' });
}

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('requireInputs', () => {
  it.each([
    ['missing', 'nothing', 'there is no such file; check the path'],
    ['a directory', '', 'this is a directory; give a file'],
    ['below a file', 'file/below', 'a part of this path is a file and not a directory; check the path'],
    ['a loop of links', 'loop', 'its links lead in a circle; give the file itself'],
  ])('names the flag and the file if the file is %s', async (_what, name, problem) => {
    const path = join(folder, name);
    await expect(requireInputs(await parsed(['--keys', path]))).rejects.toThrow(`--keys ${path}: ${problem}`);
  });

  it('accepts a file that exists, and does not check a file that will be written', async () => {
    await requireInputs(await parsed(['--keys', join(folder, 'file'), '--out', join(folder, 'new')]));
  });

  it('names the environment variable if the path comes from there', async () => {
    process.env.EXPERTGRID_KEYS = join(folder, 'nothing');
    try {
      await expect(requireInputs(await parsed([]))).rejects.toThrow(
        /^EXPERTGRID_KEYS \S+nothing: there is no/,
      );
    } finally {
      delete process.env.EXPERTGRID_KEYS;
    }
  });
});

describe('a system error', () => {
  it('is explained with the flag or argument that gave the file', async () => {
    const path = join(folder, 'nothing');
    const error = thrownBy(() => readFileSync(path));
    expect(explain(error, await parsed(['--out', path]))).toMatch(/^--out \S+nothing: there is no such file/);
    expect(explain(error, await parsed(['--out', folder]))).toMatch(/^--out \S+nothing: /);
    expect(explain(error, await parsed([path]))).toMatch(/^<file> \S+nothing: /);
    expect(explain(error, await parsed([]))).toMatch(/^\S+nothing: /);
  });

  it('is found as the cause of an error whose message repeats it, but not if the message does not repeat it', () => {
    const cause = thrownBy(() => readFileSync(join(folder, 'nothing')));
    expect(explain(new Error(`x: ${String(cause)}`, { cause }))).toMatch(/there is no such file/);
    expect(explain(new Error('x is not a bundle', { cause }))).toBe('x is not a bundle');
  });

  it('about the lock of a file names the file and not the lock', async () => {
    const path = join(folder, 'no', 'keys');
    const error = thrownBy(() => writeFileSync(`${path}.lock`, ''));
    expect(explain(error, await parsed(['--out', path]))).toMatch(/^--out \S+keys: there is no directory/);
  });

  it('about a directory in place of a file has no path, so the given directory is named', async () => {
    const error = thrownBy(() => readFileSync(openSync(folder, 'r')));
    expect(String(error)).not.toContain(folder);
    expect(explain(error, await parsed(['--out', folder]))).toBe(
      `--out ${folder}: this is a directory; give a file`,
    );
  });

  it('about a file in place of a directory asks for a directory', async () => {
    const path = join(folder, 'file');
    const error = thrownBy(() => mkdirSync(path));
    expect(explain(error, await parsed(['--out', path]))).toBe(
      `--out ${path}: this is a file; give a directory`,
    );
  });

  it('about a missing directory names that directory', () => {
    const path = join(folder, 'no', 'file');
    const problem = `there is no directory ${join(folder, 'no')}; check the path, or make it`;
    expect(describeFault({ code: 'ENOENT', path }, '--out')).toBe(`--out ${path}: ${problem}`);
  });

  it('is explained without its code and its system call', () => {
    const codes = ['EACCES', 'EPERM', 'ENOSPC', 'EDQUOT', 'EROFS', 'ENAMETOOLONG', 'EMFILE', 'EEXIST', 'EIO'];
    for (const code of codes)
      expect(describeFault({ code, path: 'p' })).toMatch(/^p: [a-z'][^A-Z]*; [^A-Z]+$/);
  });
});

test('a command whose file is missing exits with 1 and names the flag', async () => {
  const list = startCli(['key', 'list', '--file', join(folder, 'nothing')]);
  const up = startCli(['up', '--api-keys', folder]);
  expect(await list.exit).toMatchObject({ code: 1 });
  expect(list.stderr).toBe(
    `expertgrid: --file ${join(folder, 'nothing')}: there is no such file; check the path\n`,
  );
  expect(await up.exit).toMatchObject({ code: 1 });
  expect(up.stderr).toBe(`expertgrid: --api-keys ${folder}: this is a directory; give a file\n`);
});

test('a pipe, a directory and a huge file are refused without waiting', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  await expect(requireFile(pipe, '--api-keys')).rejects.toThrow(`--api-keys ${pipe}: this is a pipe`);
  await expect(readRegularFile(pipe)).rejects.toThrow(`${pipe}: this is not a regular file`);
  await expect(readRegularFile(folder)).rejects.toThrow(`${folder}: this is not a regular file`);
  await writeFile(join(folder, 'huge'), '');
  await truncate(join(folder, 'huge'), 2 ** 27);
  await expect(readRegularFile(join(folder, 'huge'))).rejects.toThrow('has more than 67108864 bytes');
});
