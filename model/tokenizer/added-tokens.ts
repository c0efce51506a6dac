// Reads the special tokens that a tokenizer_config.json lists.
import { InputError } from '../errors.ts';
import type { AddedToken } from './byte-level.ts';

/** `listed` is the field `added_tokens_decoder`: tokens by their ids, which are text. Empty if the field is absent. */
export function addedTokensOf(listed: unknown, file: string): AddedToken[] {
  if (listed === undefined || listed === null) return [];
  if (typeof listed !== 'object' || Array.isArray(listed)) {
    throw new InputError(`${file}: field added_tokens_decoder: is not an object of tokens by id`);
  }
  const idOf = new Map<string, number>();
  return Object.entries(listed).map(([key, token]: [string, unknown]) => {
    const fault = (problem: string) =>
      new InputError(`${file}: field added_tokens_decoder.${key}: ${problem}`);
    const id = Number(key);
    if (!/^\d{1,9}$/.test(key)) throw fault('is not the id of a token');
    const flags: Record<string, unknown> = typeof token === 'object' && token !== null ? { ...token } : {};
    const { content } = flags;
    if (typeof content !== 'string' || content === '') throw fault('has no content');
    const other = idOf.get(content);
    if (other !== undefined) throw fault(`has the content ${content}, as ${other} has`);
    idOf.set(content, id);
    return {
      id,
      content,
      single_word: flags.single_word === true,
      lstrip: flags.lstrip === true,
      rstrip: flags.rstrip === true,
      normalized: flags.normalized === true,
      special: flags.special !== false,
    };
  });
}
