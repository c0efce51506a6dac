// Tests that changes in DNS and in files are found soon, and that failed lookups lose no address.
import { execFileSync } from 'node:child_process';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type DiscoverOptions,
  type Discovery,
  discover,
  type NameService,
} from '../../../infra/discovery/discovery.ts';
import type { ShardSource } from '../../../infra/discovery/shard-source.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';
import { eventually } from '../../support/process.ts';

const opened: Discovery[] = [];
afterEach(() => {
  for (const discovery of opened.splice(0)) discovery.stop();
});

async function open(source: ShardSource, options: Partial<DiscoverOptions> = {}) {
  const logged: string[] = [];
  const discovery = await discover(source, {
    log: (_, message) => logged.push(message),
    everyMs: 5,
    keepMs: 0,
    ...options,
  });
  opened.push(discovery);
  const answers: (readonly string[])[] = [];
  discovery.follow((addresses) => answers.push(addresses));
  return { discovery, answers, logged };
}

/** Answers with the present records of `zone`, and collects the names that are looked up. */
function nameService(zone: { addresses?: string[]; services?: { name: string; port: number }[] }) {
  const asked: string[] = [];
  const answer = async <T>(name: string, records: T[] | undefined): Promise<T[]> => {
    asked.push(name);
    if (records === undefined) throw Object.assign(new Error('queryA ENOTFOUND'), { code: 'ENOTFOUND' });
    return records;
  };
  const names: NameService = {
    addresses: (name) => answer(name, zone.addresses),
    services: (name) => answer(name, zone.services),
  };
  return { names, asked };
}

describe('a DNS name', () => {
  it('gives every address with the port, in the same order for any order of the answers', async () => {
    const zone = { addresses: ['10.0.0.2', 'fd00::1', '10.0.0.1'] };
    const { names, asked } = nameService(zone);
    const { discovery, answers } = await open({ dns: 'shards.internal:7001' }, { names });
    expect(discovery.addresses).toEqual(['10.0.0.1:7001', '10.0.0.2:7001', '[fd00::1]:7001']);
    zone.addresses = zone.addresses.toReversed();
    await eventually(() => asked.length > 4);
    expect(new Set(asked)).toEqual(new Set(['shards.internal']));
    expect(answers).toEqual([]);
  });

  it('is followed: new and removed addresses are reported', async () => {
    const zone = { addresses: ['10.0.0.1'] };
    const { answers, discovery, logged } = await open({ dns: 'n:7' }, nameService(zone));
    zone.addresses = ['10.0.0.1', '10.0.0.2'];
    await eventually(() => answers.length === 1);
    zone.addresses = ['10.0.0.2'];
    await eventually(() => answers.length === 2);
    expect(answers).toEqual([['10.0.0.1:7', '10.0.0.2:7'], ['10.0.0.2:7']]);
    expect(discovery.addresses).toEqual(['10.0.0.2:7']);
    expect(logged).toEqual(['shards have changed: +10.0.0.2:7', 'shards have changed: -10.0.0.1:7']);
  });

  it('keeps an address while old and new answers alternate, and then for the given time', async () => {
    const [before, after] = [['10.0.0.1'], ['10.0.0.2']];
    const zone = { addresses: before };
    const { names, asked } = nameService(zone);
    const { answers, discovery } = await open({ dns: 'n:7' }, { names, keepMs: 300 });
    for (let turn = 0; turn < 6; turn++) {
      zone.addresses = turn % 2 === 0 ? after : before;
      const until = asked.length + 2;
      await eventually(() => asked.length > until);
    }
    expect(answers).toEqual([['10.0.0.1:7', '10.0.0.2:7']]);
    zone.addresses = after;
    const from = performance.now();
    await eventually(() => answers.length === 2);
    expect(performance.now() - from).toBeGreaterThan(250);
    expect(discovery.addresses).toEqual(['10.0.0.2:7']);
  });

  it('keeps its last addresses, and logs the error once, if the lookup fails or gives no address', async () => {
    const zone: { addresses?: string[] } = { addresses: ['10.0.0.1'] };
    const { names, asked } = nameService(zone);
    const { discovery, answers, logged } = await open({ dns: 'n:7' }, { names });
    delete zone.addresses;
    const until = asked.length + 5;
    await eventually(() => asked.length > until);
    expect(logged).toEqual(['looking up n:7 failed: ENOTFOUND; the known shards stay in use']);
    zone.addresses = [];
    await eventually(() => logged.length === 2);
    expect(logged[1]).toBe('looking up n:7 gave no address; the known shards stay in use');
    expect(discovery.addresses).toEqual(['10.0.0.1:7']);
    zone.addresses = ['10.0.0.9'];
    await eventually(() => answers.length === 1);
    expect(answers).toEqual([['10.0.0.9:7']]);
  });

  it('is looked up again until it exists', async () => {
    const zone: { addresses?: string[] } = {};
    const { names, asked } = nameService(zone);
    const { discovery, answers, logged } = await open({ dns: 'n:7' }, { names });
    expect(discovery.addresses).toEqual([]);
    await eventually(() => asked.length > 4);
    expect(logged).toEqual(['looking up n:7 failed: ENOTFOUND; it is looked up again and again']);
    zone.addresses = ['10.0.0.1'];
    await eventually(() => answers.length === 1);
    expect(answers).toEqual([['10.0.0.1:7']]);
  });

  it('is queried for SRV records, which include the port, if it begins with _', async () => {
    const services = [
      { name: 'b.shards', port: 7002 },
      { name: 'a.shards', port: 7001 },
    ];
    const { names, asked } = nameService({ services });
    const { discovery } = await open({ dns: '_shards._tcp.internal' }, { names });
    expect(discovery.addresses).toEqual(['a.shards:7001', 'b.shards:7002']);
    expect(asked[0]).toBe('_shards._tcp.internal');
  });

  it('is used without unusable addresses, which are logged once', async () => {
    const zone = { services: [{ name: 'a.shards', port: 0 }] };
    const { names, asked } = nameService(zone);
    const { discovery, logged } = await open({ dns: '_shards._tcp.internal' }, { names });
    expect(discovery.addresses).toEqual([]);
    zone.services.push({ name: '\u001b[2Jb', port: 1 }, { name: 'b.shards', port: 7001 });
    await eventually(() => discovery.addresses.length === 1);
    const until = asked.length + 3;
    await eventually(() => asked.length > until);
    expect(discovery.addresses).toEqual(['b.shards:7001']);
    expect(logged.filter((line) => line.includes('left out'))).toEqual([
      'looking up _shards._tcp.internal gave addresses that are left out: 1 that cannot be called, such as "a.shards:0"',
      'looking up _shards._tcp.internal gave addresses that are left out: 2 that cannot be called, such as "a.shards:0"',
    ]);
  });

  it('is looked up by the system’s resolver if it is localhost', async () => {
    const { discovery } = await open({ dns: 'localhost:7001' });
    expect(discovery.addresses).toContain('127.0.0.1:7001');
  });

  it('is not looked up after stop', async () => {
    const { names, asked } = nameService({ addresses: ['10.0.0.1'] });
    const { discovery } = await open({ dns: 'n:7' }, { names });
    await eventually(() => asked.length > 2);
    discovery.stop();
    await delay(10);
    const before = asked.length;
    await delay(30);
    expect(asked.length).toBe(before);
  });
});

describe('a file', () => {
  async function file(text: string): Promise<string> {
    const path = join(await tinyFolder(), 'shards.txt');
    await writeFile(path, text);
    return path;
  }

  it('is polled, and changes are used when the file is written completely', async () => {
    const path = await file('a:1\n');
    const { discovery, answers } = await open({ file: path });
    expect(discovery.addresses).toEqual(['a:1']);
    await appendFile(path, 'b:1\n');
    await eventually(() => answers.length === 1);
    await writeFile(path, '# a is gone\nb:1\n');
    await eventually(() => answers.length === 2);
    expect(answers).toEqual([['a:1', 'b:1'], ['b:1']]);
  });

  it('keeps its last addresses, and logs the error once, if it is malformed, emptied or removed', async () => {
    const path = await file('a:1\n');
    const { discovery, answers, logged } = await open({ file: path });
    await writeFile(path, 'a:1\nnonsense\n');
    await eventually(() => logged.length === 1);
    await delay(40);
    await writeFile(path, '');
    await eventually(() => logged.length === 2);
    await rm(path);
    await eventually(() => logged.length === 3);
    expect(logged[0]).toContain(`${path}: line 2: "nonsense" is not an address`);
    expect(logged[1]).toContain(`${path}: names no shard`);
    expect(logged[2]).toContain('ENOENT');
    expect(answers).toEqual([]);
    expect(discovery.addresses).toEqual(['a:1']);
    await writeFile(path, 'c:1\n');
    await eventually(() => answers.length === 1);
    expect(answers).toEqual([['c:1']]);
  });

  it('is refused if it is malformed or missing at the start', async () => {
    const path = await file('a:1\n:\n');
    await expect(open({ file: path })).rejects.toThrow(`${path}: line 2:`);
    await expect(open({ file: `${path}.none` })).rejects.toThrow('ENOENT');
  });

  it('is refused at once if it is too large or no regular file', async () => {
    const path = await file(`${'#'.repeat(2 ** 20)}\n`);
    await expect(open({ file: path })).rejects.toThrow('has more than 1048576 bytes; is it the right one?');
    const pipe = `${path}.pipe`;
    execFileSync('mkfifo', [pipe]);
    for (const odd of [pipe, await tinyFolder(), '/dev/zero']) {
      await expect(open({ file: odd })).rejects.toThrow(`${odd}: this is not a regular file`);
    }
  });
});

it('fixed addresses never change', async () => {
  const { discovery } = await open({ addresses: ['a:1', 'b:1'] });
  expect(discovery.addresses).toEqual(['a:1', 'b:1']);
});
