// A grammar as bytes that threads share: all that it is made of is data.
import { deserialize, serialize } from 'node:v8';
import type { Grammar } from './expression.ts';

export function packedGrammar(grammar: Grammar): SharedArrayBuffer {
  const bytes = serialize(grammar);
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}

export function unpackedGrammar(shared: SharedArrayBuffer): Grammar {
  // The decoder wants memory of its own.
  return deserialize(Uint8Array.from(new Uint8Array(shared))) as Grammar;
}
