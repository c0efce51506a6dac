// Makes the model on which agents are tried: random weights, a long context, nano's tokenizer and chat template. So that
// random answers end, many tokens of its vocabulary end the text or a JSON string.
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const nano = join(root, 'models', 'nano');

/** Largest number of tokens of prompt and answer together. */
export const longContext = 262_144;
/** Number of added ids of each kind, so that about one token in thirty ends the text and as many end a string. */
const ENDS = 144;

interface AddedToken {
  id: number;
  content: string;
}

interface TokenizerJson {
  added_tokens: AddedToken[];
  model: { vocab: Record<string, number> };
}

/** Writes the bundle below `folder`. Returns its directory. */
export async function makeLongModel(folder: string): Promise<string> {
  const shape = join(folder, 'shape');
  await mkdir(shape, { recursive: true });
  const tokenizer = await readJson<TokenizerJson>('tokenizer.json');
  const config = await readJson<Record<string, unknown>>('config.json');
  const tokenizerConfig = await readJson<Record<string, unknown>>('tokenizer_config.json');
  const first = Number(config.vocab_size);
  const closers = pairs().map((pair) => `${pair}"`);
  const vocab = { ...tokenizer.model.vocab };
  for (const [i, closer] of closers.entries()) vocab[closer] = first + i;
  const ends = Array.from({ length: ENDS }, (_, i) => ({
    ...{ id: first + ENDS + i, content: `<|end-${i}|>`, special: true, normalized: false },
    ...{ single_word: false, lstrip: false, rstrip: false },
  }));
  const files = {
    'tokenizer.json': {
      ...tokenizer,
      added_tokens: [...tokenizer.added_tokens, ...ends],
      model: { ...tokenizer.model, vocab },
    },
    'tokenizer_config.json': {
      ...tokenizerConfig,
      model_max_length: longContext,
      added_tokens_decoder: {
        ...(tokenizerConfig.added_tokens_decoder as object),
        ...Object.fromEntries(ends.map(({ id, ...rest }) => [id, rest])),
      },
    },
    'generation_config.json': {
      bos_token_id: config.bos_token_id,
      eos_token_id: [config.eos_token_id, ...ends.map(({ id }) => id)].flat(),
    },
    'config.json': {
      ...config,
      ...{ vocab_size: first + 2 * ENDS, max_position_embeddings: longContext, rope_theta: 1_000_000 },
      ...{ hidden_size: 64, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1 },
      ...{ num_experts: 8, moe_intermediate_size: 32 },
    },
  };
  for (const [name, json] of Object.entries(files)) await writeFile(join(shape, name), JSON.stringify(json));
  const to = join(folder, 'long');
  const args = ['synth', '--shape', join(shape, 'config.json'), '--to', to, '--bits', '16'];
  execFileSync(process.execPath, [join(root, 'cli', 'main.ts'), ...args], { stdio: 'pipe' });
  return to;
}

async function readJson<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(join(nano, name), 'utf8')) as T;
}

/** ENDS different pairs of letters. */
function pairs(): string[] {
  const letters = 'abcdefghijkl';
  return Array.from({ length: ENDS }, (_, i) => `${letters[Math.floor(i / 12)]}${letters[i % 12]}`);
}
