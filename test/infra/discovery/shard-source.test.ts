// Tests the parsing of flags, files and DNS answers, and the comparison of two lists of addresses.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  callable,
  changesOf,
  distinct,
  parseShardsFile,
  shardSource,
} from '../../../infra/discovery/shard-source.ts';

describe('the flags', () => {
  it.each([
    [{ shards: ['a:1', ' [::1]:2 '] }, { addresses: ['a:1', '[::1]:2'] }],
    [{ shardsDns: 'shards.internal:7001' }, { dns: 'shards.internal:7001' }],
    [{ shardsDns: '_shards._tcp.internal' }, { dns: '_shards._tcp.internal' }],
    [{ shardsFile: 'shards.txt' }, { file: 'shards.txt' }],
  ])('name one source: %j', (flags, source) => {
    expect(shardSource(flags)).toEqual(source);
  });

  it('name no source if none is given', () => {
    expect(shardSource({})).toBeUndefined();
  });

  it.each([
    [{ shards: ['a:1'], shardsFile: 'shards.txt' }, 'they exclude each other'],
    [{ shards: ['a:1', 'b'] }, '"b" is not an address'],
    [{ shards: many(1_025).trim().split('\n') }, '--shards: names 1025 addresses; 1024 are allowed'],
    [{ shardsDns: 'shards.internal' }, '"shards.internal" is not an address; write host:port'],
    [{ shardsDns: 'shards.internal:0' }, 'port 0'],
  ])('are refused: %j', (flags, message) => {
    expect(() => shardSource(flags)).toThrow(message);
  });
});

function many(count: number): string {
  return Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}:7001\n`).join('');
}

describe('a file of shards', () => {
  it('has one address on each line, may have comments and blank lines, and counts each address once', () => {
    const text = '# ours\nb:7001 # the new one\r\n\n  a:7001\n[::1]:7002\nb:7001\n';
    expect(parseShardsFile(text, 'f')).toEqual(['[::1]:7002', 'a:7001', 'b:7001']);
  });

  it.each([
    ['a:1\n\nb\n', 'f: line 3: "b" is not an address'],
    ['a:1 b:2\n', 'f: line 1: "a:1 b:2" is not an address'],
    ['a:99999', 'f: line 1: "a:99999" is not an address'],
    ['a:1\nb:0\n', 'f: line 2: "b:0" names port 0, which cannot be called'],
    ['a:1\n\u001b[2Jb:1\n', 'f: line 2: "\ufffd[2Jb:1" is not an address'],
    ['[fe80]:1', 'f: line 1: "[fe80]:1" is not an address'],
    ['x'.repeat(30_000_000), `f: line 1: "${'x'.repeat(59)}…" is not an address; write host:port`],
    [many(1_025), 'f: names 1025 addresses; 1024 are allowed'],
    ['# none\n', 'f: names no shard'],
    ['', 'f: names no shard'],
  ])('%.40j is refused, and the error names the line', (text, message) => {
    expect(() => parseShardsFile(text, 'f')).toThrow(message);
  });
});

describe('the answer of a lookup', () => {
  it('is used without unusable addresses and those beyond the limit, which a log line names', () => {
    expect(callable(['b:1', 'a:0', 'a:1', 'b:1', '\u0007:1'], 'n')).toEqual({
      addresses: ['a:1', 'b:1'],
      left: 'looking up n gave addresses that are left out: 2 that cannot be called, such as "a:0"',
    });
    const { addresses, left } = callable(many(1_030).trim().split('\n'), 'n');
    expect(addresses).toHaveLength(1_024);
    expect(left).toBe('looking up n gave addresses that are left out: 6 beyond 1024');
    expect(callable(['a:1'], 'n').left).toBe('');
  });
});

describe('the changes between two lists of addresses', () => {
  it('turn the first list into the second', () => {
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
