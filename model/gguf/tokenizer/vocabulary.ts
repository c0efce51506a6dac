// Reads the vocabulary of a GGUF model: its tokens with their kinds, and the ids of special tokens.
import type { Metadata } from '../metadata.ts';

/** llama.cpp's kinds of tokens. */
const kinds = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export interface Vocabulary {
  tokens: readonly string[];
  /** Tokens that texts are split into, by their spelling. */
  ids: ReadonlyMap<string, number>;
  /** Tokens that are found in a text before it is split: control tokens, which are special, and those that a user defined. */
  added: readonly { id: number; content: string; special: boolean }[];
}

const TOKENS = 'tokenizer.ggml.tokens';
const TYPES = 'tokenizer.ggml.token_type';

/** Ids without a token have names such as `[PAD7]` and the kind `unused`. They belong to nothing. */
export function readVocabulary(keys: Metadata): Vocabulary {
  const tokens = keys.texts(TOKENS);
  const types = keys.has(TYPES) ? keys.numbers(TYPES) : tokens.map(() => kinds.normal);
  if (types.length !== tokens.length)
    keys.refuse(TYPES, `has ${types.length} entries for ${tokens.length} tokens`);
  const ids = new Map<string, number>();
  const added: { id: number; content: string; special: boolean }[] = [];
  const addedIds = new Map<string, number>();
  for (const [id, content] of tokens.entries()) {
    const type = types[id];
    if (type === kinds.unused) continue;
    const isAdded = type === kinds.control || type === kinds.userDefined || type === kinds.unknown;
    const seen = isAdded ? addedIds : ids;
    const other = seen.get(content);
    if (other !== undefined)
      keys.refuse(TOKENS, `has ${JSON.stringify(content)} twice, as ${other} and ${id}`);
    seen.set(content, id);
    if (isAdded) added.push({ id, content, special: type !== kinds.userDefined });
  }
  return { tokens, ids, added };
}

/**
 * The vocabulary of the model in tokenizer.json. Hugging Face's library gives added tokens that are not in it the ids after its last,
 * in order, whatever the file says. So added tokens are part of it unless this gives them their ids.
 */
export function modelVocabulary({ ids, added }: Vocabulary): Record<string, number> {
  const highest = Array.from(ids.values()).reduce((a, b) => Math.max(a, b), -1);
  const low = added.filter(({ id }) => id < highest);
  const rest = added.filter(({ id }) => id > highest);
  const size = ids.size + low.length;
  const kept = rest.every(({ id }, i) => id === size + i) ? low : added;
  return Object.fromEntries([...ids, ...kept.map(({ content, id }) => [content, id] as const)]);
}

/** What some files have in place of an id if there is no such token. */
export const NO_TOKEN = 2 ** 32 - 1;

const NAMES = ['bos', 'eos', 'eot', 'eom', 'unknown', 'padding'] as const;
export type SpecialIds = Partial<Record<(typeof NAMES)[number], number>>;

export function readSpecialIds(keys: Metadata, { tokens }: Vocabulary): SpecialIds {
  const found: SpecialIds = {};
  for (const name of NAMES) {
    const key = `tokenizer.ggml.${name}_token_id`;
    if (!keys.has(key)) continue;
    const id = keys.count(key);
    if (id === NO_TOKEN) continue;
    if (id >= tokens.length) keys.refuse(key, `is ${id}; there are ${tokens.length} tokens`);
    found[name] = id;
  }
  return found;
}

/** Control tokens that end an answer, by their usual names. Files name one or two of them by id only. */
const ENDS = [
  '<|endoftext|>',
  '<|end_of_text|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|eot|>',
  '<|eom|>',
  '<|im_end|>',
  '<|return|>',
  '<|call|>',
  '<|user|>',
  '<|observation|>',
  '<end_of_turn>',
  '<｜end▁of▁sentence｜>',
  '</s>',
];

/** The ids that end an answer: those that the file names, and control tokens that usually do. */
export function endIds({ added }: Vocabulary, { eos, eot, eom }: SpecialIds): number[] {
  const usual = added.filter(({ content, special }) => special && ENDS.includes(content)).map(({ id }) => id);
  return [...new Set([eos, eot, eom, ...usual])].filter((id) => id !== undefined);
}
