// The grammars of an engine: those in use and the most recently used, under one bound on memory. Above the bound, unused grammars
// are removed first, then all states and masks, which can be found again. If that is not enough, the largest grammars of the
// tenant whose grammars take most memory are ended: requests that use them get a fault.

import { ConstraintFault } from '../fault.ts';
import type { CompiledGrammar } from './compiled.ts';

export interface MemoryOptions {
  /** Most unused grammars that are kept; default 128. */
  count?: number;
  /** Most bytes of all grammars together; default 128 MiB. */
  bytes?: number;
}

interface Entry {
  key: string;
  grammar: CompiledGrammar;
  /** Number of sequences that use the grammar. */
  users: number;
  /** The tenant that is charged: the one that opened the grammar when no sequence used it. */
  tenant: string;
}

export interface Opened {
  grammar: CompiledGrammar;
  /** Call it when the grammar has grown, so that all grammars stay within their bound. */
  grown: () => void;
  /** Call it when the grammar is no longer used. */
  close: () => void;
}

/** Share of the bound that grammars in use may take after their states and masks are forgotten. */
const MOST_IN_USE = 3 / 4;

export class Grammars {
  /** By key, the most recently used grammar last. */
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

  /** Bytes of all grammars, roughly. */
  get bytes(): number {
    let bytes = 0;
    for (const { key, grammar } of this.#entries.values()) bytes += grammar.size + 2 * key.length;
    return bytes;
  }

  /** Opens the grammar with this key. If the key is new, `make` makes the grammar; errors of `make` are passed on. */
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

  /** Ends the largest grammar of the tenant whose grammars take most memory. Requests that use this grammar get the fault. */
  #end(): void {
    const bytes = new Map<string, number>();
    for (const { tenant, grammar } of this.#entries.values()) {
      bytes.set(tenant, (bytes.get(tenant) ?? 0) + grammar.size);
    }
    const ofTenant = ({ tenant }: Entry) => bytes.get(tenant) ?? 0;
    const [most] = [...this.#entries.values()].sort((a, b) => {
      return ofTenant(b) - ofTenant(a) || b.grammar.size - a.grammar.size;
    });
    if (most === undefined) return;
    this.#entries.delete(most.key);
    const message =
      'the grammars in use take too much memory together. Send fewer requests with large grammars at once';
    most.grammar.end(new ConstraintFault(message));
  }
}
