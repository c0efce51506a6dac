// How long keys are remembered.
import { beforeEach, expect, it } from 'vitest';
import type { Account } from '../../../../infra/edge/accounts/account.ts';
import { AccountCache, CACHED_MS } from '../../../../infra/edge/accounts/account-cache.ts';

const account = { name: 'alice' } as Account;
let asked: string[];
let answer: () => Promise<Account | undefined>;
let cache: AccountCache;

beforeEach(() => {
  asked = [];
  answer = async () => account;
  cache = new AccountCache({
    bySecret: (secret) => {
      asked.push(secret);
      return answer();
    },
  });
});

it('a key is asked for once in 10 s, and so is a wrong one', async () => {
  for (const found of [account, undefined]) {
    answer = async () => found;
    asked = [];
    const secret = `eg-${found === undefined ? 'wrong' : 'right'}`;
    for (const now of [0, 1, CACHED_MS - 1]) expect(await cache.bySecret(secret, now)).toBe(found);
    expect(asked).toHaveLength(1);
    await cache.bySecret(secret, CACHED_MS);
    expect(asked).toHaveLength(2);
  }
});

it('guesses do not displace keys', async () => {
  await cache.bySecret('eg-right', 0);
  answer = async () => undefined;
  for (let i = 0; i < 12_000; i++) await cache.bySecret(`eg-${i}`, 0);
  asked = [];
  expect(await cache.bySecret('eg-right', 1)).toBe(account);
  expect(asked).toEqual([]);
});

it('a failure of the database is not remembered', async () => {
  answer = () => Promise.reject(new Error('down'));
  await expect(cache.bySecret('eg-a', 0)).rejects.toThrow('down');
  answer = async () => account;
  expect(await cache.bySecret('eg-a', 1)).toBe(account);
});

it('what was asked before a change is not remembered after it', async () => {
  const slow = Promise.withResolvers<Account | undefined>();
  answer = () => slow.promise;
  const early = cache.bySecret('eg-a', 0);
  cache.clear();
  slow.resolve(account);
  expect(await early).toBe(account);
  answer = async () => undefined;
  expect(await cache.bySecret('eg-a', 1)).toBeUndefined();
});
