// The grammars of an engine: those in use and those used last, with one bound on their memory. Above the bound, unused grammars go
// first, then states and masks, which can be found again. Then the tenant that holds most loses its largest grammar.

import { ConstraintFault } from '../fault.ts';
import type { CompiledGrammar } from './compiled.ts';

export interface MemoryOptions {
  /** Most unused grammars that are kept. */
  count?: number;
  /** Most bytes of all grammars together. */
  bytes?: number;
}

interface Entry {
  key: string;
  grammar: CompiledGrammar;
  /** Number of sequences that use it. */
  users: number;
  /** The tenant that was first to use it after nobody did. */
  tenant: string;
}

export interface Opened {
  grammar: CompiledGrammar;
  /** Call it when the grammar has grown, so that all grammars stay within their bound. */
  grown: () => void;
  /** Call it when the grammar is no longer used. */
  close: () => void;
}

/** Share of the bound that grammars in use may take without states and masks. */
const MOST_IN_USE = 3 / 4;

export class Grammars {
  /** By their key, the most recently used one last. */
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

  /** If `make` throws, the error is passed on and nothing is remembered. */
  open(key: string, tenant: string, make: () => CompiledGrammar): Opened {
    const entry = this.#entries.get(key) ?? { key, grammar: make(), users: 0, tenant };
    if (entry.users === 0) entry.tenant = tenant;
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

  /** Ends the largest grammar of the tenant whose grammars take most. Requests that use it get the fault. */
  #end(): void {
    const byTenant = new Map<string, number>();
    for (const { tenant, grammar } of this.#entries.values()) {
      byTenant.set(tenant, (byTenant.get(tenant) ?? 0) + grammar.size);
    }
    let most: Entry | undefined;
    for (const entry of this.#entries.values()) {
      const [own, held] = [
        byTenant.get(entry.tenant) ?? 0,
        most === undefined ? -1 : (byTenant.get(most.tenant) ?? 0),
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
