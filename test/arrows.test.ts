import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Room → rooms or single files that it may import, from the table under "Arrows" in ARCHITECTURE.md. */
const arrows = new Map(
  sectionOf(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'), 'Arrows')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [, room = '', targets = ''] = line.split('|');
      return [quotedIn(room)[0] ?? '', quotedIn(targets)];
    }),
);
const rooms = [...arrows.keys()];
/** Rooms that may not import `base`: `infra/edge` runs outside Node. */
const apart = new Set(['infra/edge', 'base']);

function sectionOf(text: string, heading: string): string {
  return text.split(/^## /m).find((section) => section.startsWith(`${heading}\n`)) ?? '';
}

function quotedIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, quoted = '']) => quoted);
}

const importers: Record<string, string> = {
  'onnxruntime-node': 'model/onnx/runtime.ts',
  msgpackr: 'rpc/codec.ts',
  '@huggingface/tokenizers': 'gateway/api/text/tokenizer.ts',
  '@huggingface/jinja': 'gateway/api/text/template.ts',
  '@opentelemetry': 'tracing/otlp.ts',
};

interface Import {
  file: string;
  target: string;
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name).split(sep).join('/'));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+)'([^']+)'/gm);
  return Array.from(found, ([, name = '']) => ({ file, target: targetOf(file, name) }));
}

/** Name of a package, or path of a file. */
function targetOf(file: string, name: string): string {
  if (!name.startsWith('.')) return name;
  return relative(root, normalize(join(root, dirname(file), name)))
    .split(sep)
    .join('/');
}

/** Files under version control, and new files that git does not ignore. */
const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));

const roomOf = (file: string) => rooms.find((room) => file.startsWith(`${room}/`));
const all = rooms.flatMap(sources).flatMap(importsOf);

describe('the arrow table', () => {
  it('names every folder of sources', () => {
    expect(all.length).toBeGreaterThan(1000);
    const named = new Set(rooms.map((room) => room.split('/')[0]));
    const others = new Set([
      'bench',
      'bin',
      'console',
      'docs',
      'models',
      'scripts',
      'test',
      'train',
      'local',
    ]);
    const folders = tracked.map((file) => file.split('/')).filter((parts) => parts.length > 1);
    expect(
      new Set(
        folders.map(([first = '']) => first).filter((first) => !others.has(first) && !first.startsWith('.')),
      ),
    ).toEqual(named);
  });

  it('allows every import between rooms', () => {
    const broken = all.filter(({ file, target }) => {
      const from = roomOf(file);
      const to = roomOf(target);
      if (from === undefined || to === undefined || to === from) return false;
      const allowed = [...(arrows.get(from) ?? []), ...(apart.has(from) ? [] : ['base'])];
      return !allowed.some((each) => target === each || target.startsWith(`${each}/`));
    });
    expect(broken).toEqual([]);
  });

  it('allows no import of a file outside the rooms, except package.json', () => {
    const strays = all.filter(({ target }) => /\.(ts|js|json)$/.test(target) && roomOf(target) === undefined);
    expect(strays.filter(({ target }) => target !== 'package.json')).toEqual([]);
  });

  for (const [library, only] of Object.entries(importers)) {
    it(`lets only ${only} import ${library}`, () => {
      const who = all.filter(({ target }) => target === library || target.startsWith(`${library}/`));
      expect(new Set(who.map(({ file }) => file))).toEqual(new Set([only]));
    });
  }
});

describe('the shape of the tree', () => {
  it('has at most 15 files in each folder', () => {
    const code = tracked.filter((file) => /\.(ts|js|c|h|py)$/.test(file) && file.includes('/'));
    const counts = Map.groupBy(code, (file) => dirname(file));
    const crowded = [...counts].filter(([, files]) => files.length > 15);
    expect(crowded.map(([folder, files]) => `${folder}: ${files.length} files`)).toEqual([]);
  });

  it('has Markdown lines of at most 100 columns, except for tables, code and links', () => {
    const long = tracked
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) => longLines(readFileSync(join(root, file), 'utf8')).map((line) => `${file}:${line}`));
    expect(long).toEqual([]);
  });
});

/** Numbers of the lines of prose with more than 100 columns. Links may be longer, because they cannot be broken. */
function longLines(text: string): number[] {
  let isCode = false;
  return text.split('\n').flatMap((line, index) => {
    if (/^\s*```/.test(line)) isCode = !isCode;
    const isProse = !isCode && !line.startsWith('|') && !/^\S*https?:\S*$/.test(line.trim());
    return isProse && line.length > 100 ? [index + 1] : [];
  });
}

/** Files and packages that are loaded with `entry`, without those that are imported later with `import()`. */
function loadedWith(entry: string): Set<string> {
  const loaded = new Set([entry]);
  for (const file of loaded) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, names = '', target = ''] of text.matchAll(
      /^(?:import|export)\b([\s\w{},*$]*)'([^']+)'/gm,
    )) {
      if (!isOfTypes(names)) loaded.add(targetOf(file, target));
    }
  }
  return loaded;
}

/** Whether an import has only types, such as `type { A } from` or `{ type A, type B } from`, and is erased at run time. */
function isOfTypes(names: string): boolean {
  if (/^\s*type\b/.test(names)) return true;
  const braced = /^\s*\{([^}]*)\}/.exec(names)?.[1]?.split(',');
  return braced?.every((name) => /^\s*(type\b.*)?$/s.test(name)) ?? false;
}

describe('modules at the start', () => {
  const packagesOf = (loaded: ReadonlySet<string>) =>
    [...loaded].filter((target) => !target.includes('.') && !target.startsWith('node:')).sort();
  const roomsOf = (loaded: ReadonlySet<string>) =>
    new Set([...loaded].flatMap((target) => (target.endsWith('.ts') ? (roomOf(target) ?? []) : [])));

  it('a shard loads nothing of the gateway, and only three packages', () => {
    const loaded = loadedWith('cli/verbs/shard.ts');
    expect(loaded.size).toBeGreaterThan(80);
    expect(packagesOf(loaded)).toEqual(['commander', 'msgpackr', 'pino']);
    expect(roomsOf(loaded)).toEqual(new Set(['cli', 'experts', 'rpc', 'model', 'kernels', 'base']));
  });

  it('the engine thread loads nothing that handles text or HTTP', () => {
    const loaded = loadedWith('cli/gateway/engine-thread.ts');
    expect(packagesOf(loaded)).toEqual(['commander', 'msgpackr']);
    expect(roomsOf(loaded)).not.toContain('gateway/api');
  });

  it('no process loads ONNX Runtime or OpenTelemetry before it needs them', () => {
    for (const entry of [
      'cli/verbs/up.ts',
      'cli/verbs/gateway.ts',
      'cli/verbs/shard.ts',
      'cli/gateway/engine-thread.ts',
    ]) {
      const packages = packagesOf(loadedWith(entry));
      expect(packages.filter((name) => /^(onnxruntime-node|@opentelemetry\/)/.test(name))).toEqual([]);
    }
  });
});
