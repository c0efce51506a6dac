// Turns text into token ids and token ids into bytes, as the checkpoint's tokenizer.json specifies. Only this file imports the
// tokenizer library.
import path from 'node:path';
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { readJsonObject } from './json-file.ts';
import { spellingOf, tokenBytes } from './token-bytes.ts';

export interface AddedToken {
  id: number;
  content: string;
  /** A special token is not part of the answer's text. In a chat, the client's text never becomes a special token. */
  special: boolean;
  /** The token removes the white space before it (`lstrip`) or after it (`rstrip`). */
  lstrip: boolean;
  rstrip: boolean;
}

/** All texts must be well-formed: they must not contain lone surrogates. */
export interface Tokenizer {
  readonly added: readonly AddedToken[];
  /** Length of the longest token in bytes. A text of more than `context * longestToken` bytes cannot fit into the context. */
  readonly longestToken: number;
  /**
   * Ids of a text, as in Hugging Face's tokenizers. Names of special tokens become those tokens. The post-processor adds its tokens,
   * such as bos, unless `addSpecial` is false.
   */
  encode(text: string, options?: { addSpecial?: boolean }): number[];
  /** Ids of a text in which names of special tokens are ordinary text. `first`: no token precedes the text. */
  encodePlain(text: string, options: { first: boolean }): number[];
  /** Bytes that a generated token adds to the answer. Empty for special tokens and unknown ids. */
  bytes(id: number): Uint8Array;
  /** The name of a special token. Undefined for other ids. */
  specialName(id: number): string | undefined;
  /** The id of a token by its name. Undefined if there is no such token. */
  idOf(token: string): number | undefined;
}

/** The part of the library that this file uses. The library's own declarations do not resolve under `nodenext`. */
interface Library {
  encode(
    text: string,
    options: { add_special_tokens: boolean },
  ): { ids: (number | undefined)[]; tokens: string[] };
  id_to_token(id: number): string | undefined;
  token_to_id(token: string): number | undefined;
}

/**
 * An added token that no well-formed text contains: two high surrogates. SentencePiece-style tokenizers treat the first piece of a text
 * differently. A text after this token is not the first piece.
 */
const LEAD = '\ud800\ud800';

/**
 * Reads tokenizer.json and, if it exists, tokenizer_config.json from `dir`. The ids in `reserved`, which end an answer, are special
 * even if tokenizer.json does not say so. Throws an Error that names file and field if the kind of tokenizer is not supported.
 */
export async function loadTokenizer(dir: string, reserved?: readonly number[]): Promise<Tokenizer> {
  const json = await readJsonObject(path.join(dir, 'tokenizer.json'));
  const config = await readJsonObject(path.join(dir, 'tokenizer_config.json'), { absent: {} });
  return createTokenizer(json, config, reserved);
}

/** `json` and `config` are the contents of tokenizer.json and tokenizer_config.json. */
export function createTokenizer(
  json: Record<string, unknown>,
  config: Record<string, unknown> = {},
  reserved: readonly number[] = [],
): Tokenizer {
  const model = (json.model ?? {}) as { type?: unknown; merges?: unknown; vocab?: Record<string, number> };
  if (model.type !== 'BPE' && !(model.type === undefined && Array.isArray(model.merges))) {
    throw new Error(`tokenizer.json: model.type ${JSON.stringify(model.type)} is not supported; BPE is`);
  }
  const spelling = spellingOf(json.decoder);
  const added = readAdded(json.added_tokens, reserved);
  const addedById = new Map(added.map((token) => [token.id, token]));
  const whole: Library = new LibraryTokenizer({ ...json, added_tokens: json.added_tokens ?? [] }, config);
  const plain: Library = new LibraryTokenizer(plainJson(json, added), config);
  const encoder = new TextEncoder();

  function bytes(id: number): Uint8Array {
    const own = addedById.get(id);
    if (own !== undefined) return own.special ? new Uint8Array(0) : encoder.encode(own.content);
    const token = whole.id_to_token(id);
    return token === undefined ? new Uint8Array(0) : tokenBytes(token, spelling);
  }

  return {
    added,
    longestToken: longest([...Object.keys(model.vocab ?? {}), ...added.map((token) => token.content)]),
    encode: (text, { addSpecial = true } = {}) => ids(whole, text, addSpecial),
    encodePlain: (text, { first }) =>
      first ? ids(plain, text, false) : ids(plain, LEAD + text, false).slice(1),
    bytes,
    specialName: (id) => {
      const own = addedById.get(id);
      return own?.special === true ? own.content : undefined;
    },
    idOf: (token) => whole.token_to_id(token),
  };
}

/** The content of tokenizer.json for `encodePlain`: without the special tokens, but with LEAD. */
function plainJson(json: Record<string, unknown>, added: readonly AddedToken[]): Record<string, unknown> {
  const lead = { id: -1, content: LEAD, special: true, normalized: false };
  const kept = Array.isArray(json.added_tokens)
    ? json.added_tokens.filter((_, i) => added[i]?.special !== true)
    : [];
  return { ...json, post_processor: null, added_tokens: [lead, ...kept] };
}

function ids(library: Library, text: string, addSpecial: boolean): number[] {
  if (text.length === 0 && !addSpecial) return [];
  const encoded = library.encode(text, { add_special_tokens: addSpecial });
  return encoded.ids.map((id, i) => {
    if (id === undefined)
      throw new Error(`tokenizer.json: no id for the piece ${JSON.stringify(encoded.tokens[i])}`);
    return id;
  });
}

function readAdded(value: unknown, reserved: readonly number[]): AddedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error('tokenizer.json: added_tokens is not an array');
  return value.map((token: Partial<AddedToken>, i) => {
    if (typeof token.content !== 'string' || !Number.isInteger(token.id)) {
      throw new Error(`tokenizer.json: added_tokens[${i}] has no content or no id`);
    }
    const { id = 0, content, special = false, lstrip = false, rstrip = false } = token;
    return { id, content, special: special || reserved.includes(id), lstrip, rstrip };
  });
}

/** Length of the longest spelling in bytes. A spelling is never shorter than the bytes that it stands for. */
function longest(tokens: readonly string[]): number {
  return tokens.reduce((most, token) => Math.max(most, Buffer.byteLength(token)), 1);
}
