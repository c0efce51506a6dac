// The grammars of an engine: those in use, and those used last, with a bound on the memory of all together. What can be found again
// is forgotten first, then grammars that nobody uses; then the owner that holds most loses its largest one. Knows no sequence.

import { ConstraintFault } from '../fault.ts';
import type { CompiledGrammar } from './compiled.ts';

export interface MemoryOptions {
  /** Grammars that nobody uses, at most. */
  count?: number;
  /** Of all grammars together. */
  bytes?: number;
}

interface Entry {
  key: string;
  grammar: CompiledGrammar;
  /** Those who use it. */
  users: number;
  /** Who was the first to use it, since nobody did. */
  owner: string;
}

export interface Opened {
  grammar: CompiledGrammar;
  /** To be called when it has grown, so that all grammars stay within their bound. */
  grown: () => void;
  /** To be called once it is not used any more. */
  close: () => void;
}

/** What grammars in use may take of the bound once they hold nothing that can be found again. */
const MOST_IN_USE = 3 / 4;

export class Grammars {
  /** By what they were compiled from; the one used last at the end. */
  readonly #entries = new Map<string, Entry>();
  readonly #count: number;
  readonly #bytes: number;

  constructor({ count = 128, bytes = 128 * 2 ** 20 }: MemoryOptions = {}) {
    this.#count = count;
    this.#bytes = bytes;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Of all, roughly. */
  get bytes(): number {
    let bytes = 0;
    for (const { key, grammar } of this.#entries.values()) bytes += grammar.size + 2 * key.length;
    return bytes;
  }

  /** What `make` throws is thrown on, and nothing is remembered. */
  open(key: string, owner: string, make: () => CompiledGrammar): Opened {
    const entry = this.#entries.get(key) ?? { key, grammar: make(), users: 0, owner };
    if (entry.users === 0) entry.owner = owner;
    entry.users++;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#settle();
    let closed = false;
    const close = () => {
      if (closed) return;
      closed = true;
      entry.users--;
      this.#settle();
    };
    return { grammar: entry.grammar, grown: () => this.#settle(), close };
  }

  #settle(): void {
    let idle = 0;
    for (const { users } of this.#entries.values()) if (users === 0) idle++;
    let bytes = this.bytes;
    if (idle <= this.#count && bytes <= this.#bytes) return;
    for (const entry of this.#entries.values()) {
      if (entry.users > 0) continue;
      if (idle <= this.#count && bytes <= this.#bytes) break;
      this.#entries.delete(entry.key);
      bytes -= entry.grammar.size;
      idle--;
    }
    if (bytes <= this.#bytes) return;
    for (const { grammar } of this.#entries.values()) grammar.forget();
    while (this.bytes > MOST_IN_USE * this.#bytes) this.#end();
  }

  /** The largest grammar of the owner whose grammars take most: whoever uses it is told. */
  #end(): void {
    const byOwner = new Map<string, number>();
    for (const { owner, grammar } of this.#entries.values()) {
      byOwner.set(owner, (byOwner.get(owner) ?? 0) + grammar.size);
    }
    let most: Entry | undefined;
    for (const entry of this.#entries.values()) {
      const [own, held] = [
        byOwner.get(entry.owner) ?? 0,
        most === undefined ? -1 : (byOwner.get(most.owner) ?? 0),
      ];
      if (own > held || (own === held && most !== undefined && entry.grammar.size > most.grammar.size))
        most = entry;
    }
    if (most === undefined) return;
    this.#entries.delete(most.key);
    most.grammar.end(
      new ConstraintFault(
        'the grammars in use take too much memory together. Send fewer requests of large ones at once',
      ),
    );
  }
}
