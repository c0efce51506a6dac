// The ranks of o200k_base, which the package gpt-tokenizer contains, as files of checkpoints.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTokenizer, type Tokenizer } from '../../../gateway/api/text/tokenizer.ts';
import { tokenizerFiles } from '../../../model/tokenizer/tokenizer-files.ts';

/** The file of ranks as OpenAI publishes it. */
export const o200kFile = join(
  dirname(fileURLToPath(import.meta.resolve('gpt-tokenizer'))),
  '..',
  'data',
  'o200k_base.tiktoken',
);

/** The tokenizer of a Sigma checkpoint that has all ranks, or the first `count`. */
export async function sigmaTokenizer(count?: number): Promise<Tokenizer> {
  const lines = (await readFile(o200kFile, 'latin1')).split('\n').slice(0, count);
  const config = { model_type: 'sigma', vocab_size: 200_064 };
  return withFolder({ 'o200k.tiktoken': lines.join('\n'), 'config.json': config }, async (dir) => {
    const files = await tokenizerFiles(dir);
    const json = (name: string) => JSON.parse(Buffer.from(files.get(name) ?? '').toString());
    return createTokenizer(json('tokenizer.json'), json('tokenizer_config.json'));
  });
}

/** Calls `use` with a folder that has these files, as texts or JSON, and removes the folder. */
export async function withFolder<T>(
  files: Readonly<Record<string, unknown>>,
  use: (dir: string) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'expertgrid-tokenizer-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
    }
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}
