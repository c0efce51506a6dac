// KV memory in blocks: which block holds which positions of which sequence, and which prefixes are cached. Pure.
//
// Worked example with blocks of 4 positions: sequence A has computed the prompt 1 2 3 4 5 6 in blocks [0, 1] and has released
// both. Block 0 is full, so it stays known as the prefix 1 2 3 4. Sequence B with the prompt 1 2 3 4 9 gets the table [0], and
// 4 of its positions are cached.

/** The blocks of one sequence, in order of position. */
export interface BlockTable {
  readonly blocks: number[];
  /** How many leading blocks are known as a prefix: shared, or registered for sharing. */
  known: number;
  /** Prefixes are numbered. This is the number of the prefix that ends with the last known block. */
  prefix: number;
}

interface KnownBlock {
  /** The number of the prefix before the block, and the block's own token ids. */
  key: string;
  /** Number of the prefix that ends with this block. */
  prefix: number;
}

/** Number of the empty prefix. */
const ROOT = 0;

export class BlockPool {
  readonly count: number;
  /** Positions in a block. */
  readonly size: number;
  /** Blocks from this number on were never used. */
  #fresh = 0;
  readonly #free: number[] = [];
  /** How many sequences use each block. */
  readonly #holders: number[] = [];
  readonly #byKey = new Map<string, number>();
  readonly #known = new Map<number, KnownBlock>();
  /** Known blocks that no sequence uses, least recently used first. They may be evicted. */
  readonly #idle = new Set<number>();
  #prefixes = ROOT;

  /** `count` is the number of blocks, `size` the positions in each. */
  constructor({ count, size }: { count: number; size: number }) {
    this.count = count;
    this.size = size;
  }

  /** Number of blocks that can be allocated: empty blocks, and known blocks that no sequence uses. */
  get available(): number {
    return this.count - this.#fresh + this.#free.length + this.#idle.size;
  }

  /**
   * Returns a table that begins with the longest known prefix of `ids`, but at most `limit` positions of it. Sequences with
   * different salts share no blocks.
   */
  open(ids: readonly number[], { limit, salt = '' }: { limit: number; salt?: string }): BlockTable {
    const table: BlockTable = { blocks: [], known: 0, prefix: ROOT };
    while ((table.known + 1) * this.size <= Math.min(limit, ids.length)) {
      const block = this.#byKey.get(this.#key(table, ids, salt));
      if (block === undefined) break;
      this.#hold(block);
      table.blocks.push(block);
      table.known++;
      table.prefix = this.#known.get(block)!.prefix;
    }
    return table;
  }

  /** Adds blocks until the table has room for `positions`. Returns false and changes nothing if too few are available. */
  grow(table: BlockTable, positions: number): boolean {
    const wanted = Math.ceil(positions / this.size) - table.blocks.length;
    if (wanted > this.available) return false;
    for (let i = 0; i < wanted; i++) {
      const block = this.#free.pop() ?? (this.#fresh < this.count ? this.#fresh++ : this.#evict());
      this.#holders[block] = 1;
      table.blocks.push(block);
    }
    return true;
  }

  /** Registers the blocks that the first `computed` positions fill, so that other sequences can begin with these blocks. */
  register(table: BlockTable, ids: readonly number[], computed: number, salt = ''): void {
    while ((table.known + 1) * this.size <= computed) {
      const key = this.#key(table, ids, salt);
      const block = table.blocks[table.known]!;
      const twin = this.#byKey.get(key);
      if (twin === undefined) {
        this.#byKey.set(key, block);
        this.#known.set(block, { key, prefix: ++this.#prefixes });
      }
      table.prefix = this.#known.get(twin ?? block)!.prefix;
      table.known++;
    }
  }

  /** Releases a sequence's blocks. Known blocks stay known until their memory is needed. */
  release(table: BlockTable): void {
    // The last blocks are released first and so evicted first, because shorter prefixes are reused more often.
    for (const block of table.blocks.splice(0).reverse()) {
      this.#holders[block]!--;
      if (this.#holders[block]! > 0) continue;
      if (this.#known.has(block)) this.#idle.add(block);
      else this.#free.push(block);
    }
    table.known = 0;
    table.prefix = ROOT;
  }

  #hold(block: number): void {
    this.#holders[block]!++;
    this.#idle.delete(block);
  }

  #evict(): number {
    const [block] = this.#idle;
    if (block === undefined) throw new Error('no block is available');
    this.#idle.delete(block);
    this.#byKey.delete(this.#known.get(block)!.key);
    this.#known.delete(block);
    return block;
  }

  #key({ known, prefix }: BlockTable, ids: readonly number[], salt: string): string {
    const own = ids.slice(known * this.size, (known + 1) * this.size).join(',');
    return prefix === ROOT ? `${salt}:${own}` : `${prefix}:${own}`;
  }
}
