// Converts a grammar to bytes in memory that threads share, and back.
import { deserialize, serialize } from 'node:v8';
import type { Grammar } from './expression.ts';

export function packedGrammar(grammar: Grammar): SharedArrayBuffer {
  const bytes = serialize(grammar);
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}

export function unpackedGrammar(shared: SharedArrayBuffer): Grammar {
  // The bytes are copied, because `deserialize` does not accept shared memory.
  return deserialize(Uint8Array.from(new Uint8Array(shared))) as Grammar;
}
