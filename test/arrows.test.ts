import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const rooms = [
  'gateway/api',
  'gateway/engine',
  'gateway/constraints',
  'router',
  'rpc',
  'experts',
  'model',
  'kernels',
  'infra/edge',
  'infra/placement',
  'infra',
  'cli',
];

/** Room → rooms (or single files) it may import; ARCHITECTURE.md shows the same table. */
const arrows: Record<string, readonly string[]> = {
  'gateway/api': [
    'gateway/engine/messages.ts',
    'gateway/constraints/specification.ts',
    'gateway/constraints/reading/reader.ts',
    'gateway/constraints/fault.ts',
    'gateway/constraints/vocabulary.ts',
  ],
  'gateway/engine': ['gateway/constraints', 'router', 'model', 'rpc/errors.ts'],
  'gateway/constraints': [],
  router: ['rpc', 'experts/wire.ts', 'experts/placing/placement-file.ts', 'experts/placing/placement-id.ts'],
  rpc: [],
  experts: ['rpc', 'model'],
  model: ['kernels'],
  kernels: [],
  'infra/edge': [],
  'infra/placement': ['experts/holdings.ts', 'experts/wire.ts', 'experts/placing/placement-file.ts'],
  infra: [],
  cli: [
    'gateway/api',
    'gateway/engine',
    'gateway/constraints',
    'router',
    'rpc',
    'experts',
    'model',
    'infra/placement',
  ],
};

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

/** A package's name, or the path of a file. */
function targetOf(file: string, name: string): string {
  if (!name.startsWith('.')) return name;
  return relative(root, normalize(join(root, dirname(file), name)))
    .split(sep)
    .join('/');
}

const roomOf = (file: string) => rooms.find((room) => file.startsWith(`${room}/`));
const all = ['gateway', 'router', 'rpc', 'experts', 'model', 'infra', 'cli']
  .flatMap(sources)
  .flatMap(importsOf);

describe('the arrow table', () => {
  it('reads every import', () => {
    expect(all.length).toBeGreaterThan(100);
  });

  it('is kept by every import between rooms', () => {
    const broken = all.filter(({ file, target }) => {
      const from = roomOf(file)!;
      const to = roomOf(target);
      if (to === undefined || to === from) return false;
      return !arrows[from]!.some((allowed) => target === allowed || target.startsWith(`${allowed}/`));
    });
    expect(broken).toEqual([]);
  });

  it('has no file of a room that imports from outside the rooms', () => {
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

/** Files and packages that are loaded with `entry`, those that it imports only when it needs them (`import()`) left out. */
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

/** `type { A } from`, or `{ type A, type B } from`: nothing of it is left at run time. */
function isOfTypes(names: string): boolean {
  if (/^\s*type\b/.test(names)) return true;
  const braced = /^\s*\{([^}]*)\}/.exec(names)?.[1]?.split(',');
  return braced?.every((name) => /^\s*(type\b.*)?$/s.test(name)) ?? false;
}

describe('what a process loads', () => {
  const packagesOf = (loaded: ReadonlySet<string>) =>
    [...loaded].filter((target) => !target.includes('.') && !target.startsWith('node:')).sort();
  const roomsOf = (loaded: ReadonlySet<string>) =>
    new Set([...loaded].flatMap((target) => (target.endsWith('.ts') ? (roomOf(target) ?? []) : [])));

  it('is of a shard nothing of the gateway, and no package but those of every call', () => {
    const loaded = loadedWith('cli/verbs/shard.ts');
    expect(loaded.size).toBeGreaterThan(80);
    expect(packagesOf(loaded)).toEqual(['commander', 'msgpackr', 'pino']);
    expect(roomsOf(loaded)).toEqual(new Set(['cli', 'experts', 'rpc', 'model', 'kernels']));
  });

  it('is of the engine thread nothing that knows text or HTTP', () => {
    const loaded = loadedWith('cli/gateway/engine-thread.ts');
    expect(packagesOf(loaded)).toEqual(['commander', 'msgpackr']);
    expect(roomsOf(loaded)).not.toContain('gateway/api');
  });

  it('is of no process ONNX Runtime or OpenTelemetry before something needs them', () => {
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
