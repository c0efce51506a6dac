// Loads everything that turns text into ids and back from a checkpoint's directory.
import path from 'node:path';
import { readJsonObject } from './json-file.ts';
import { type ChatTemplates, loadTemplates } from './template.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';

export interface TextSide extends ChatTemplates {
  tokenizer: Tokenizer;
  /** Ids that end an answer. */
  stopIds: number[];
  /** The content of tokenizer_config.json with special tokens by name, for `/tokenizer_info`. */
  tokenizerInfo: Record<string, unknown>;
  /** The id that begins a text, if the checkpoint names one. It replaces an empty prompt. */
  bos: number | undefined;
}

/** Reads tokenizer.json and, if they exist, tokenizer_config.json, chat_template.jinja, generation_config.json and config.json. */
export async function loadTextSide(dir: string): Promise<TextSide> {
  const read = (name: string) => readJsonObject(path.join(dir, name), { absent: {} });
  const [config, generation, checkpoint] = await Promise.all([
    read('tokenizer_config.json'),
    read('generation_config.json'),
    read('config.json'),
  ]);
  const listed =
    idList(generation.eos_token_id, 'generation_config.json') ??
    idList(checkpoint.eos_token_id, 'config.json');
  const tokenizer = await loadTokenizer(dir, { reserved: listed });
  const bos = tokenName(config.bos_token);
  const eos = tokenName(config.eos_token);
  const named = (name: string | undefined) => (name === undefined ? undefined : tokenizer.idOf(name));
  return {
    tokenizer,
    tokenizerInfo: namedTokens(config),
    ...(await loadTemplates(dir, config, { bos, eos, others: otherTokens(config) })),
    stopIds: listed ?? idList(named(eos), 'tokenizer_config.json') ?? [],
    bos:
      named(bos) ??
      idList(generation.bos_token_id ?? checkpoint.bos_token_id, 'config.json', 'bos_token_id')?.[0],
  };
}

/** Special tokens that templates know by name, as in transformers. */
function otherTokens(config: Record<string, unknown>): Record<string, string> {
  const names = ['unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const token = tokenName(config[name]);
      return token === undefined ? [] : [[name, token]];
    }),
  );
}

/** tokenizer_config.json has a token as its name or as an object with `content`. */
function tokenName(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return isAddedToken(value) ? value.content : undefined;
}

/** Replaces special tokens that are objects, alone or in a list, by their names. */
function namedTokens(config: Record<string, unknown>): Record<string, unknown> {
  const named = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(named);
    return isAddedToken(value) ? value.content : value;
  };
  return Object.fromEntries(Object.entries(config).map(([field, value]) => [field, named(value)]));
}

function isAddedToken(value: unknown): value is { content: string } {
  return (
    typeof value === 'object' && value !== null && 'content' in value && typeof value.content === 'string'
  );
}

function idList(value: unknown, file: string, field = 'eos_token_id'): number[] | undefined {
  if (value === undefined || value === null) return undefined;
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  return ids.map((id) => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0)
      throw new Error(`${file}: ${field} holds ${JSON.stringify(id)}, not a token id`);
    return id;
  });
}
