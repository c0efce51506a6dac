// Paths of models: the errors for paths that are not a bundle or a checkpoint, and the conversion of checkpoints by `up`.
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { bundleDirectory } from '../../../cli/files.ts';
import { ownCommand, requireCheckpoint } from '../../../cli/flags/model-paths.ts';
import { bundleCache, convertModels, parseAnswer } from '../../../cli/gateway/convert-models.ts';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { checkpointName } from '../../../model/kind.ts';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';

const nano = join(import.meta.dirname, '..', '..', '..', 'models', 'nano');

let folder: string;
let checkpoint: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kinds-'));
  ({ dir: checkpoint } = await writeCheckpoint(join(folder, 'Tiny MoE'), {
    vocab: 300,
    experts: 4,
    layers: 1,
  }));
  const files: Record<string, string> = {
    'llama/config.json': '{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}',
    'broken/config.json': '{',
    'torch/config.json': '{"model_type": "mixtral"}',
    'torch/pytorch_model.bin': 'x',
    'config-only/config.json': '{"model_type": "mixtral"}',
    'ggufs/Model-Q4.gguf': 'GGUF',
    'model.gguf': 'GGUF....',
    'weights/model.safetensors': 'x',
    'new.partial/journal.jsonl': '{}',
    'models--Org--Model-7B/snapshots/0123abc/config.json': '{}',
    'notes/text.txt': 'x',
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  await mkdir(join(folder, 'empty'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('bundleDirectory', () => {
  it.each([
    [
      'llama',
      'this is a Hugging Face checkpoint in the layout llama, which is not supported; Sigma (sigma), Qwen3-MoE (qwen3_moe)',
    ],
    ['broken', 'its config.json does not say its layout'],
    ['torch', 'weights are not in safetensors but in pytorch_model.bin'],
    ['config-only', 'has a config.json (mixtral) but no weights'],
    ['ggufs', 'this directory has a model in GGUF (Model-Q4.gguf) and is not a bundle. Convert it: '],
    ['model.gguf', 'this is a model in GGUF and not a bundle. Convert it: '],
    ['weights/model.safetensors', /this is a file; give its directory, \S+weights$/],
    ['notes/text.txt', 'this is a file; a bundle is a directory with a bundle.json'],
    ['new.partial', 'this is a bundle whose conversion has not ended; run the same convert command again'],
    ['models--Org--Model-7B', /give the checkpoint in it, \S+0123abc$/],
    ['empty', 'this directory is empty'],
    ['nothing', 'there is no such directory; check the path'],
    [
      'notes',
      'this directory is neither a bundle, because it has no bundle.json, nor a checkpoint, because it has no config.json',
    ],
  ])('rejects the path %s with an error that says what it is', async (name, told) => {
    const path = join(folder, name);
    await expect(bundleDirectory(path)).rejects.toThrow(told);
    await expect(bundleDirectory(path)).rejects.toThrow(`--model ${path}: `);
  });

  it('rejects a checkpoint with the shell command that converts it', async () => {
    const command = `expertgrid convert --from '${checkpoint}' --to 'Tiny MoE-4bit' --bits 4; then give --model 'Tiny MoE-4bit'`;
    await expect(bundleDirectory(checkpoint)).rejects.toThrow(command);
  });

  it('rejects a repository name of Hugging Face with the command that downloads it', async () => {
    await expect(bundleDirectory('Qwen/Qwen3-30B-A3B')).rejects.toThrow(
      'download it first: hf download Qwen/Qwen3-30B-A3B --local-dir Qwen3-30B-A3B',
    );
  });

  it('proposes the only model below a directory', async () => {
    await expect(bundleDirectory(join(nano, '..'))).rejects.toThrow(/did you mean \S+nano\?$/);
  });
});

describe('requireCheckpoint', () => {
  it.each([
    [
      nano,
      /^--from \S+: this is already a bundle at 8 bits; convert reads a Hugging Face checkpoint or a model in GGUF$/,
    ],
    ['nothing', /^--from nothing: there is no such directory/],
  ])('rejects %s with an error that says what it is', async (path, told) => {
    await expect(requireCheckpoint(path)).rejects.toThrow(told);
  });

  it('accepts a checkpoint and a model in GGUF', async () => {
    await requireCheckpoint(checkpoint);
    await requireCheckpoint(join(folder, 'model.gguf'));
    await requireCheckpoint(join(folder, 'ggufs'));
  });
});

describe('convertModels', () => {
  const given = () => [{ id: 'tiny', dir: checkpoint }];
  const inCache = async () => await readdir(bundleCache(process.env));
  let before: string | undefined;
  beforeAll(() => {
    before = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = join(folder, 'cache');
  });
  afterAll(() => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
  });

  it('refuses a checkpoint with neither a terminal nor --bits, converts it with --bits, and finds its bundle later', async () => {
    await expect(convertModels(given(), undefined)).rejects.toThrow(
      /^--model .*convert --from .* --bits 4; then give --model .*\. Or add --bits 4, which converts it into a cache/,
    );
    const [made] = (await convertModels(given(), 8)) ?? [];
    expect(made?.id).toBe('tiny');
    const bundle = await openBundle(made?.dir ?? '');
    expect(bundle.bits).toBe(8);
    await bundle.close();
    expect(await inCache()).toHaveLength(1);
    expect(await convertModels(given(), undefined)).toEqual([made]);
    expect(await convertModels(given(), 8)).toEqual([made]);
    expect(await inCache()).toHaveLength(1);
  });

  it('finds the bundle of a checkpoint that was moved, and makes another bundle if a file has changed', async () => {
    const moved = join(folder, 'elsewhere', 'Tiny MoE');
    const [first] = (await convertModels(given(), 8)) ?? [];
    await mkdir(join(moved, '..'));
    await rename(checkpoint, moved);
    expect(await convertModels([{ id: 'tiny', dir: moved }], 8)).toEqual([first]);
    await writeFile(join(moved, 'generation_config.json'), '{"temperature": 0.5}');
    const [changed] = (await convertModels([{ id: 'tiny', dir: moved }], 8)) ?? [];
    expect(changed?.dir).not.toBe(first?.dir);
  });

  it('returns a bundle unchanged, and refuses --bits that differ from the bits of the bundle', async () => {
    const bundle = [{ id: 'nano', dir: nano }];
    expect(await convertModels(bundle, undefined)).toEqual(bundle);
    expect(await convertModels(bundle, 8)).toEqual(bundle);
    await expect(convertModels(bundle, 4)).rejects.toThrow(/^--bits 4: .*nano is already a bundle at 8 bits/);
  });
});

test('parseAnswer accepts Enter, yes, a number of bits or no, and returns undefined for other text', () => {
  expect(['', ' y ', 'YES', '6', '8', '16 bits', 'n', 'No', '5', 'maybe'].map(parseAnswer)).toEqual([
    ...[4, 4, 4, 6, 8, 16, 'no', 'no', undefined, undefined],
  ]);
});

test('a checkpoint in the cache of Hugging Face gets the name of its repository', () => {
  expect(checkpointName('/c/models--Qwen--Qwen3-30B-A3B/snapshots/0123abc')).toBe('Qwen3-30B-A3B');
  expect(checkpointName('/models/Mixtral-8x7B/')).toBe('Mixtral-8x7B');
});

test('commands in messages begin with the command that started the program', () => {
  expect(ownCommand({ npm_command: 'run-script' })).toBe('npm run -s expertgrid --');
  expect(ownCommand({ npm_command: 'exec' })).toBe('npx expertgrid');
  expect(ownCommand({})).toBe('expertgrid');
});
