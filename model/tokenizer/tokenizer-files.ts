// Makes the tokenizer files of a checkpoint that has tiktoken ranks in place of a tokenizer.json.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '../../base/error-text.ts';
import { hasCode, InputError } from '../errors.ts';
import { addedTokensOf } from './added-tokens.ts';
import { type AddedToken, byteLevelTokenizer, byteSymbols, specialTokens } from './byte-level.ts';
import { mergesOf } from './merges.ts';
import { O200K_PATTERN, O200K_RANKS } from './o200k.ts';
import { readRanks } from './ranks.ts';
import { sigmaGeneration, sigmaSpecials, sigmaTokenizerConfig } from './sigma.ts';

type Json = Record<string, unknown>;

/** The JSON files of a checkpoint. A file that is missing is an empty object. */
interface Settings {
  config: Json;
  tokenizer: Json;
  generation: Json;
}

/**
 * Returns tokenizer.json, tokenizer_config.json and generation_config.json for the checkpoint in `dir`, by name. Returns no files if
 * the checkpoint has a tokenizer.json, or has no file `*.tiktoken`. Throws an InputError that names the file and its line or field.
 */
export async function tokenizerFiles(dir: string): Promise<Map<string, Uint8Array>> {
  const names = await readdir(dir);
  const lists = names.filter((name) => name.endsWith('.tiktoken')).sort();
  const [list] = lists;
  if (list === undefined || names.includes('tokenizer.json')) return new Map();
  if (lists.length > 1) {
    throw new InputError(`${dir}: has several lists of ranks (${lists.join(', ')}); keep the model's own`);
  }
  const settings: Settings = {
    config: await readJson(join(dir, 'config.json')),
    tokenizer: await readJson(join(dir, 'tokenizer_config.json')),
    generation: await readJson(join(dir, 'generation_config.json')),
  };
  const path = join(dir, list);
  const tokens = await readRanks(path);
  const isSigma = settings.config.model_type === 'sigma';
  if (!isSigma && tokens.length !== O200K_RANKS) {
    throw new InputError(
      `${path}: has ${tokens.length} ranks; only o200k_base, which has ${O200K_RANKS}, is known, so it is unknown how texts are split into pieces. Save the tokenizer as tokenizer.json`,
    );
  }
  const added = addedOf({ dir, path, settings, tokens });
  const hasTemplate = names.includes('chat_template.jinja');
  const files = { 'tokenizer.json': tokenizerJson(tokens, added), ...configs(settings, added, hasTemplate) };
  return new Map(
    Object.entries(files).map(([name, json]) => [name, Buffer.from(`${JSON.stringify(json)}\n`)]),
  );
}

interface Known {
  dir: string;
  /** The file of ranks. */
  path: string;
  settings: Settings;
  tokens: readonly string[];
}

/** The special tokens that the checkpoint lists, or else those of its family. */
function addedOf({ dir, path, settings, tokens }: Known): AddedToken[] {
  const file = join(dir, 'tokenizer_config.json');
  const listed = addedTokensOf(settings.tokenizer.added_tokens_decoder, file);
  if (listed.length === 0 && settings.config.model_type !== 'sigma') {
    throw new InputError(
      `${file}: field added_tokens_decoder: is missing, so the ids of the special tokens are unknown`,
    );
  }
  const added = listed.length > 0 ? listed : specialTokens(sigmaSpecials);
  const vocabulary = settings.config.vocab_size;
  const size = typeof vocabulary === 'number' ? vocabulary : Number.POSITIVE_INFINITY;
  if (tokens.length > size) {
    throw new InputError(`${path}: has ${tokens.length} ranks, but config.json has a vocab_size of ${size}`);
  }
  for (const { id, content } of added) {
    const where = `${listed.length > 0 ? file : path}: special token ${content}`;
    if (id >= size)
      throw new InputError(`${where}: has id ${id}, but config.json has a vocab_size of ${size}`);
    const own = tokens[id];
    if (own !== undefined && own !== Buffer.from(content).toString('latin1')) {
      throw new InputError(`${where}: has id ${id}, which is the rank of another token`);
    }
  }
  return added;
}

function tokenizerJson(tokens: readonly string[], added: readonly AddedToken[]): object {
  const symbols = byteSymbols();
  const spellings = tokens.map((token) => {
    let spelling = '';
    for (let i = 0; i < token.length; i++) spelling += symbols[token.charCodeAt(i)];
    return spelling;
  });
  // Hugging Face's own library gives an added token that is not in the vocabulary the next free id in place of its own.
  const named = added.filter(({ content }) => isSplit(content));
  return byteLevelTokenizer({
    vocab: Object.fromEntries([
      ...spellings.map((spelling, rank): [string, number] => [spelling, rank]),
      ...named.map(({ content, id }): [string, number] => [content, id]),
    ]),
    merges: mergesOf(tokens).map(([left, right]) => `${spellings[left]} ${spellings[right]}`),
    added,
    pattern: O200K_PATTERN,
  });
}

/** Whether the pattern splits the text. If not, an entry of the vocabulary would make the text of a client a special token. */
function isSplit(content: string): boolean {
  return (content.match(new RegExp(O200K_PATTERN, 'gu')) ?? []).length > 1;
}

/** What the checkpoint sets stands. Its family adds the rest. */
function configs(
  { config, tokenizer, generation }: Settings,
  added: readonly AddedToken[],
  hasTemplate: boolean,
) {
  if (config.model_type !== 'sigma') {
    return { 'tokenizer_config.json': tokenizer, 'generation_config.json': generation };
  }
  const context = config.max_position_embeddings;
  const { chat_template, ...fields } = sigmaTokenizerConfig(
    typeof context === 'number' ? context : undefined,
  );
  const ids = new Map(added.map(({ content, id }) => [content, id]));
  const bos = ids.get('<|endoftext|>') ?? sigmaGeneration.bos_token_id;
  const stops = generation.eos_token_id ?? config.eos_token_id ?? bos;
  const end = ids.get('<|end|>');
  return {
    'tokenizer_config.json': { ...fields, ...(!hasTemplate && { chat_template }), ...defined(tokenizer) },
    'generation_config.json': {
      bos_token_id: config.bos_token_id ?? bos,
      ...generation,
      eos_token_id: [...new Set([stops, end ?? []].flat())],
    },
  };
}

/** Without the fields that are null, which the family may set. */
function defined(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

async function readJson(path: string): Promise<Json> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return {};
    throw new InputError(`${path}: is not JSON: ${errorText(cause)}`, { cause });
  }
  throw new InputError(`${path}: is not a JSON object`);
}
