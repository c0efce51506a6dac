// What the flags and files say of where shards are, and what changed.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changesOf, distinct, parseShardsFile, shardSource } from '../../cli/shard-source.ts';

describe('the flags', () => {
  it.each([
    [{ shards: ['a:1', ' [::1]:2 '] }, { addresses: ['a:1', '[::1]:2'] }],
    [{ shardsDns: 'shards.internal:7001' }, { dns: 'shards.internal:7001' }],
    [{ shardsDns: '_shards._tcp.internal' }, { dns: '_shards._tcp.internal' }],
    [{ shardsFile: 'shards.txt' }, { file: 'shards.txt' }],
  ])('name one source: %j', (flags, source) => {
    expect(shardSource(flags)).toEqual(source);
  });

  it.each([
    [{}, 'one is required'],
    [{ shards: ['a:1'], shardsFile: 'shards.txt' }, 'they exclude each other'],
    [{ shards: ['a:1', 'b'] }, '"b" is not an address'],
    [{ shardsDns: 'shards.internal' }, '"shards.internal" is not an address; write host:port'],
    [{ shardsDns: 'shards.internal:0' }, 'port 0'],
  ])('are refused: %j', (flags, message) => {
    expect(() => shardSource(flags)).toThrow(message);
  });
});

describe('a file of shards', () => {
  it('has an address a line, with comments and blank lines; each counts once', () => {
    const text = '# ours\nb:7001 # the new one\r\n\n  a:7001\n[::1]:7002\nb:7001\n';
    expect(parseShardsFile(text, 'f')).toEqual(['[::1]:7002', 'a:7001', 'b:7001']);
  });

  it.each([
    ['a:1\n\nb\n', 'f: line 3: "b" is not an address'],
    ['a:1 b:2\n', 'f: line 1: "a:1 b:2" is not an address'],
    ['a:99999', 'f: line 1: "a:99999" is not an address'],
    ['# none\n', 'f: names no shard'],
    ['', 'f: names no shard'],
  ])('%j is refused by its line', (text, message) => {
    expect(() => parseShardsFile(text, 'f')).toThrow(message);
  });
});

describe('changes', () => {
  it('are what leads from one set to the next', () => {
    const addresses = fc.array(fc.constantFrom('a:1', 'b:1', 'c:1', 'd:1')).map(distinct);
    fc.assert(
      fc.property(addresses, addresses, (before, after) => {
        const { added, removed } = changesOf(before, after) ?? { added: [], removed: [] };
        const kept = before.filter((address) => !removed.includes(address));
        expect(distinct([...kept, ...added])).toEqual(after);
        expect(added.length + removed.length === 0).toBe(String(before) === String(after));
        expect(changesOf(before, after) === undefined).toBe(String(before) === String(after));
      }),
      { seed: 3 },
    );
  });
});
