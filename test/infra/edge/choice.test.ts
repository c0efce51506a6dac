import { describe, expect, it } from 'vitest';
import { chooseGateway, ranked } from '../../../infra/edge/gateways/choice.ts';
import { type Health, healthAfter, isHealthy, newHealth } from '../../../infra/edge/gateways/health.ts';
import { MOST_PER_SECOND, Pace } from '../../../infra/edge/gateways/pace.ts';
import { sessionKey } from '../../../infra/edge/gateways/session-key.ts';
import { backoffMs, MOST_TRIES, REPEAT_SHARE, RepeatBudget, Tries } from '../../../infra/edge/repeats.ts';
import { endpointOf } from '../../../infra/edge/requests/endpoints.ts';

const candidates = (...open: number[]) =>
  open.map((each, i) => ({ name: `http://gateway-${i}`, open: each, healthy: true, lost: 0, rank: 0 }));
const keys = Array.from({ length: 3000 }, (_, i) => `key ${i}`);

describe('rendezvous hashing', () => {
  it('spreads keys evenly', () => {
    const all = candidates(0, 0, 0);
    const counts = Map.groupBy(keys, (key) => ranked(key, all)[0]?.name);
    for (const [, own] of counts) expect(own.length).toBeGreaterThan(850);
    expect(counts.size).toBe(3);
  });

  it('moves only the keys of a gateway that is removed', () => {
    const all = candidates(0, 0, 0, 0);
    const [removed, ...left] = all;
    for (const key of keys) {
      const [first, second] = ranked(key, all);
      expect(ranked(key, left)[0]).toBe(first === removed ? second : first);
    }
  });
});

it('rendezvous hashing gives each candidate a share in proportion to its weight', () => {
  const all = [
    { name: 'eu', weight: 1 },
    { name: 'us', weight: 3 },
  ];
  const count = keys.filter((key) => ranked(key, all)[0]?.name === 'us').length;
  expect(Math.abs(count - 2250)).toBeLessThan(100);
});

describe('the choice of a gateway', () => {
  const first = (key: string) => ranked(key, candidates(0, 0, 0))[0]!.name;

  it('prefers one gateway for a key until it has more than 1.25 times the mean load plus 2', () => {
    const key = 'k';
    const preferred = first(key);
    const all = candidates(4, 4, 4);
    const own = all.find(({ name }) => name === preferred)!;
    own.open = 9; // 1.25 * 17 / 3 + 2 is 9.08
    expect(chooseGateway(all, { key, random: 0 })?.name).toBe(preferred);
    own.open = 10; // 1.25 * 18 / 3 + 2 is 9.5
    expect(chooseGateway(all, { key, random: 0 })?.name).not.toBe(preferred);
    own.open = 0;
    expect(chooseGateway(all, { key, random: 0 })?.name).toBe(preferred);
  });

  it('takes the less loaded of the next two if the preferred one has too much load', () => {
    const all = candidates(0, 0, 0, 0);
    const [a, b, c] = ranked('k', all);
    a!.open = 100;
    b!.open = 3;
    c!.open = 2;
    expect(chooseGateway(all, { key: 'k', random: 0 })).toBe(c);
    b!.open = 2;
    expect(chooseGateway(all, { key: 'k', random: 0 })).toBe(b);
  });

  it('takes the least loaded gateway if there is no key', () => {
    expect(chooseGateway(candidates(3, 1, 2), { random: 0.9 })?.name).toBe('http://gateway-1');
    expect(chooseGateway(candidates(1, 1), { random: 0 })?.name).toBe('http://gateway-0');
    expect(chooseGateway(candidates(1, 1), { random: 1 })?.name).toBe('http://gateway-1');
  });

  it('goes to a farther region only if the nearer one has no healthy gateway', () => {
    const [near, far] = candidates(9, 0);
    const farther = { ...far!, rank: 1 };
    expect(chooseGateway([near!, farther], { key: 'k', random: 0 })).toBe(near);
    expect(chooseGateway([{ ...near!, healthy: false }, farther], { random: 0 })).toBe(farther);
  });

  it('takes the gateway that was lost first if all were lost, whatever its region', () => {
    const [near, far] = candidates(0, 0).map((each) => ({ ...each, healthy: false }));
    const [earlier, later] = [
      { ...far!, rank: 1, lost: 1 },
      { ...near!, lost: 2 },
    ];
    expect(chooseGateway([later, earlier], { key: 'k', random: 0 })).toBe(earlier);
  });

  it('prefers healthy gateways, and then those to which no connection was lost', () => {
    const [a, b, c] = candidates(0, 0, 0);
    const down = { ...a!, healthy: false };
    const lost = { ...b!, lost: 1 };
    expect(chooseGateway([down, lost, c!], { key: 'k', random: 0 })).toBe(c);
    expect(chooseGateway([down, lost], { key: 'k', random: 0 })).toBe(lost);
    expect(chooseGateway([down], { key: 'k', random: 0 })).toBe(down);
    expect(chooseGateway([], { random: 0 })).toBeUndefined();
  });
});

describe('the key of a request', () => {
  const key = (body: unknown, headers = {}) =>
    sessionKey(new Headers(headers), new TextEncoder().encode(JSON.stringify(body)));

  it('stays the same when a conversation grows too long to be parsed', () => {
    const keyOf = (turns: number) => {
      const messages = Array.from({ length: turns }, (_, i) => ({
        role: 'user',
        content: `turn ${i} of many`,
      }));
      return sessionKey(
        new Headers(),
        new TextEncoder().encode(JSON.stringify({ model: 'm', messages }, null, 1)),
      );
    };
    expect(keyOf(20)).toHaveLength(512);
    expect(keyOf(5_000)).toBe(keyOf(20));
  });

  it('is the session, or the cache key, or the beginning of the prompt', () => {
    expect(key({ prompt_cache_key: 'c' }, { 'x-session-id': 's' })).toBe('s');
    expect(key({ prompt_cache_key: 'c', prompt: 'p' })).toBe('c');
    expect(key({ prompt: 'p' })).toBe('"p"');
    expect(key({ input: ['i'] })).toBe('["i"]');
    expect(key({ messages: [{ role: 'user', content: 'x'.repeat(600) }] })).toHaveLength(512);
    expect(key({ model: 'nano' })).toBeUndefined();
    expect(sessionKey(new Headers(), new TextEncoder().encode('{'))).toBeUndefined();
  });

  it('is found in long bodies without parsing them', () => {
    const long = 'x'.repeat(100_000);
    expect(key({ model: 'nano', prompt: long })).toBe(`"${long.slice(0, 511)}`);
    expect(key({ prompt: long, prompt_cache_key: 'c' })).toBe('c');
    expect(key({ prompt: `"prompt_cache_key":"no"${long}` })).toMatch(/^"\\"prompt_cache_key/);
  });
});

describe('health', () => {
  const failed = { type: 'failed', random: 1 } as const;

  it('is lost by a failure, and comes back with a good check after the ejection, for one trial', () => {
    let health: Health = healthAfter(newHealth, { type: 'checked', ready: true }, 0);
    expect(isHealthy(health, 0)).toBe(true);
    health = healthAfter(health, failed, 0);
    expect(isHealthy(health, 5_000)).toBe(false);
    health = healthAfter(health, { type: 'checked', ready: true }, 500);
    expect(isHealthy(health, 999)).toBe(false);
    expect(isHealthy(health, 1_000)).toBe(true);
    const trial = healthAfter(health, { type: 'begun' }, 1_000);
    expect(isHealthy(trial, 1_000)).toBe(false);
    expect(isHealthy(healthAfter(trial, { type: 'answered' }, 1_001), 1_001)).toBe(true);
    expect(isHealthy(healthAfter(trial, { type: 'abandoned' }, 1_001), 1_001)).toBe(true);
  });

  it.each([
    ['with checks', 5_000, { type: 'checked', ready: true } as const],
    ['without checks', 30_000, undefined],
  ])('%s, comes back although the answer of the trial takes long', (_, longest, check) => {
    let health: Health = check === undefined ? newHealth : healthAfter(newHealth, check, 0);
    health = healthAfter(health, failed, 0);
    if (check !== undefined) health = healthAfter(health, check, 1_000);
    health = healthAfter(health, { type: 'begun' }, 1_000);
    expect(isHealthy(health, 1_000 + longest - 1)).toBe(false);
    expect(isHealthy(health, 1_000 + longest)).toBe(true);
    // Others may follow, and no further trial begins. A failure still counts as the second.
    const next = healthAfter(health, { type: 'begun' }, 1_000 + longest);
    expect(isHealthy(next, 1_000 + longest)).toBe(true);
    expect(healthAfter(next, failed, 50_000).ejectedUntil).toBe(52_000);
  });

  it('is back at once if a check finds that the gateway has started again', () => {
    let health = newHealth;
    for (const now of [0, 1_000, 5_000]) health = healthAfter(health, failed, now);
    health = healthAfter(health, { type: 'checked', ready: false }, 5_100);
    expect(isHealthy(health, 5_200)).toBe(false);
    health = healthAfter(health, { type: 'checked', ready: true }, 5_300);
    expect(isHealthy(health, 5_300)).toBe(true);
    expect(healthAfter(health, failed, 6_000).ejectedUntil).toBe(7_000);
  });

  it('is lost for twice as long after each further failure, up to 30 s', () => {
    let health = newHealth;
    const ejections: number[] = [];
    for (let i = 0, now = 0; i < 7; i++, now = health.ejectedUntil) {
      health = healthAfter(health, failed, now);
      ejections.push(health.ejectedUntil - now);
    }
    expect(ejections).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(isHealthy(health, health.ejectedUntil)).toBe(true); // without checks, the time decides
  });

  it('counts failures at the same time once', () => {
    const once = healthAfter(newHealth, failed, 0);
    expect(healthAfter(once, failed, 1)).toEqual(once);
  });
});

describe('repeats', () => {
  it('wait longer each time, with full jitter', () => {
    expect([0, 1, 2].map((repeat) => backoffMs(repeat, 1))).toEqual([50, 100, 200]);
    expect(backoffMs(2, 0)).toBe(0);
    const tries = new Tries();
    expect(Array.from({ length: MOST_TRIES }, () => tries.next(1))).toEqual([0, 50, 100]);
    expect(tries.left).toBe(false);
  });

  it('begin anew after a gateway that had worked on the request, but not without end', () => {
    const tries = new Tries<string>();
    let sent = 0;
    for (; tries.left; sent++) {
      tries.next(0);
      tries.lose(`gateway ${sent % 2}`, 1_500);
    }
    expect(sent).toBe(8 + MOST_TRIES);
    expect([...tries.lost]).toEqual(['gateway 1', 'gateway 0']); // the latest one is last
  });

  it('do not count gateways that cannot continue a stream', () => {
    const tries = new Tries<number>();
    for (let gateway = 0; gateway < 10; gateway++) {
      tries.next(0);
      tries.passOver(gateway);
    }
    expect(tries.left).toBe(true);
    expect(tries.refused.size).toBe(10);
  });

  it('after error answers are at most a tenth of the requests, and ten that were saved', () => {
    const budget = new RepeatBudget(REPEAT_SHARE);
    const spend = (times: number) =>
      Array.from({ length: times }, () => budget.spend()).filter(Boolean).length;
    expect(spend(20)).toBe(10);
    for (let i = 0; i < 9; i++) budget.earn();
    expect(spend(1)).toBe(0);
    budget.earn();
    expect(spend(2)).toBe(1);
    for (let i = 0; i < 1_000; i++) budget.earn();
    expect(spend(20)).toBe(10);
  });

  it('of streams begin at most 16 times a second at one gateway, in order', () => {
    const pace = new Pace();
    const waits = Array.from({ length: 40 }, () => pace.take(100));
    expect(waits).toEqual([...Array(16).fill(0), ...Array(16).fill(1_000), ...Array(8).fill(2_000)]);
    expect(pace.waitAt(1_100)).toBe(1_000);
    expect(MOST_PER_SECOND).toBe(16);
  });
});

it('the edge relays the paths of the API, and knows which of them may be repeated', () => {
  expect(endpointOf('POST', '/v1/chat/completions')).toEqual({
    ...{ kind: 'generate', format: 'choices', name: 'chat/completions' },
  });
  expect(endpointOf('POST', '/messages/')).toEqual({
    kind: 'generate',
    format: 'messages',
    name: 'messages',
  });
  expect(endpointOf('POST', '/v1/tokenize')).toMatchObject({ kind: 'read' });
  expect(endpointOf('GET', '/models/nano')).toMatchObject({ kind: 'read' });
  expect(endpointOf('POST', '/v1/shards/drain')).toMatchObject({ kind: 'act' });
  for (const path of ['/', '/peer', '/metrics', '/console', '/v1', '/toString', '/v1/usage', '/usage/x'])
    expect(endpointOf('GET', path), path).toBeUndefined();
});
