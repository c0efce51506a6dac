// A grammar as bytes that threads share.
import { deserialize, serialize } from 'node:v8';
import type { Grammar } from './expression.ts';

export function packedGrammar(grammar: Grammar): SharedArrayBuffer {
  const bytes = serialize(grammar);
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}

export function unpackedGrammar(shared: SharedArrayBuffer): Grammar {
  // The decoder needs memory that is not shared.
  return deserialize(Uint8Array.from(new Uint8Array(shared))) as Grammar;
}
