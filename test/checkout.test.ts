// A checkout in which a user works: tools ignore files that the user saves there, paths are relative to the current
// folder, and an old Node gets an error that says which version is needed.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tinyFolder } from './support/models/tiny-bundle.ts';
import { startProcess } from './support/process.ts';

const root = join(import.meta.dirname, '..');
const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');

it('formatter, linter, types and tests ignore files that a user saves in the checkout', async () => {
  const names = ['ts', 'mjs', 'py', 'test.ts', 'tsx'].flatMap((extension) => {
    const name = `saved-by-a-reader-${process.pid}.${extension}`;
    return [name, join('local', name)];
  });
  try {
    for (const name of names) writeFileSync(join(root, name), 'var  x:number="a"');
    const checked = startProcess(process.execPath, [biome, 'check', ...names], { cwd: root });
    await checked.exit;
    expect(checked.stderr).toContain('No files were processed');
    for (const name of names) expect(checked.stderr).toContain(`- ${name}`);
  } finally {
    for (const name of names) rmSync(join(root, name), { force: true });
  }
  const { include }: { include: string[] } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  expect(include.filter((each) => !/^[a-z]+$/.test(each))).toEqual(['*.config.ts']);
  expect(include).not.toContain('local');
  for (const kind of ['', 'slow.', 'speed.', 'fuzz.', 'interop.', 'cell.']) {
    const config = readFileSync(join(root, `vitest.${kind}config.ts`), 'utf8');
    expect(config).toMatch(/include: \['test\/\*\*\/[^',]*'\]/);
  }
});

it('git ignores local/', () => {
  const names = ['keys', 'ca.key', 'my-model/bundle.json', 'example.ts'].map((name) => join('local', name));
  const ignored = execFileSync('git', ['check-ignore', ...names], { cwd: root, encoding: 'utf8' });
  expect(ignored.trim().split('\n')).toEqual(names);
});

it('npm run expertgrid resolves paths against the folder in which it is called', async () => {
  const folder = join(root, 'local', `called-from-${process.pid}`);
  mkdirSync(folder);
  try {
    const args = ['run', '-s', 'expertgrid', '--', 'key', 'create', 'ops', '--file', 'keys'];
    const created = startProcess('npm', args, { cwd: folder });
    expect(await created.exit).toEqual({ code: 0, signal: null });
    expect(readFileSync(join(folder, 'keys'), 'utf8')).toContain('ops');
    expect(created.stderr).not.toMatch(/npm warn/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it.each(['20.20.2', '22.17.1'])(
  'with Node %s and without the pinned Node, one line says which version is needed',
  async (version) => {
    const folder = await tinyFolder();
    for (const name of ['bin', 'package.json'])
      cpSync(join(root, name), join(folder, name), { recursive: true });
    const older = `Object.defineProperty(process.versions, 'node', { value: '${version}' })`;
    const flags = ['--import', `data:text/javascript,${encodeURIComponent(older)}`];
    const started = startProcess(process.execPath, [...flags, join(folder, 'bin', 'expertgrid.js'), 'up']);
    expect(await started.exit).toEqual({ code: 1, signal: null });
    expect(started.stderr.trim().split('\n')).toHaveLength(1);
    expect(started.stderr).toContain('Node 22.18 or newer is needed');
  },
);
