import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockPool, type BlockTable } from '../../../../gateway/engine/memory/blocks.ts';

const ids = (length: number, from = 0) => Array.from({ length }, (_, i) => from + i);

function fill(pool: BlockPool, prompt: number[], salt?: string): BlockTable {
  const table = pool.open(prompt, { limit: prompt.length - 1, salt });
  if (!pool.grow(table, prompt.length)) throw new Error('no room');
  pool.register(table, prompt, prompt.length, salt);
  return table;
}

describe('KV blocks', () => {
  it('are found by the prefix that filled them', () => {
    const pool = new BlockPool({ count: 8, size: 4 });
    const first = fill(pool, ids(10));
    expect(first.blocks.length).toBe(3);
    const second = pool.open([...ids(8), 99, 98], { limit: 9 });
    expect(second.blocks).toEqual(first.blocks.slice(0, 2));
    expect(pool.open([1, ...ids(9)], { limit: 9 }).blocks).toEqual([]);
  });

  it('are not found beyond the limit or under another salt', () => {
    const pool = new BlockPool({ count: 8, size: 4 });
    fill(pool, ids(8), 'a');
    expect(pool.open(ids(8), { limit: 7, salt: 'a' }).known).toBe(1);
    expect(pool.open(ids(8), { limit: 7, salt: 'b' }).known).toBe(0);
  });

  it('stay known after release, and are evicted when memory is needed, the least recently used first', () => {
    const pool = new BlockPool({ count: 4, size: 4 });
    pool.release(fill(pool, ids(8)));
    pool.release(fill(pool, ids(8, 50)));
    expect(pool.available).toBe(4);
    pool.release(pool.open(ids(9), { limit: 8 })); // now the most recently used
    const other = fill(pool, ids(8, 70));
    expect(other.blocks.length).toBe(2);
    expect(pool.open(ids(9, 50), { limit: 8 }).known).toBe(0);
    expect(pool.open(ids(9), { limit: 8 }).known).toBe(2);
  });

  it('that a sequence uses are never given to another sequence', () => {
    const pool = new BlockPool({ count: 2, size: 4 });
    const table = fill(pool, ids(8));
    const late = pool.open(ids(3, 90), { limit: 2 });
    expect(pool.grow(late, 3)).toBe(false);
    pool.release(table);
    expect(pool.grow(late, 3)).toBe(true);
  });

  it('never have two contents, are never lost, and always have the content of their known prefix, in random use', () => {
    const size = 2;
    const act = fc.record({
      prompt: fc.array(fc.nat(2), { minLength: 1, maxLength: 9 }),
      release: fc.option(fc.nat(5)),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const pool = new BlockPool({ count: 9, size });
        const memory = new Map<number, string>();
        const open: { table: BlockTable; prompt: number[] }[] = [];
        for (const { prompt, release } of acts) {
          const table = pool.open(prompt, { limit: prompt.length - 1 });
          for (const [i, block] of table.blocks.entries()) {
            expect(memory.get(block)).toBe(prompt.slice(0, (i + 1) * size).join());
          }
          const cached = table.known;
          if (pool.grow(table, prompt.length)) {
            for (const [i, block] of table.blocks.entries()) {
              if (i < cached) continue;
              expect(open.some((other) => other.table.blocks.includes(block))).toBe(false);
              memory.set(block, prompt.slice(0, (i + 1) * size).join());
            }
            pool.register(table, prompt, prompt.length);
            open.push({ table, prompt });
          } else {
            pool.release(table);
          }
          if (release !== null && open.length > 0)
            pool.release(open.splice(release % open.length, 1)[0]!.table);
          const held = new Set(open.flatMap(({ table: { blocks } }) => blocks));
          expect(pool.available).toBe(9 - held.size);
        }
      }),
      { seed: 5, numRuns: 300 },
    );
  });
});
