import { describe, expect, it } from 'vitest';
import { nextIn, victimFor, victimOf } from '../../../../gateway/engine/memory/places.ts';

interface Named {
  name: string;
  tenant: string;
  weight: number;
  priority: number;
}

/** A name such as `b2` belongs to tenant b. */
const tenants = (names: string, weights: Record<string, number> = {}, priority = 0): Named[] =>
  names
    .split(' ')
    .filter((name) => name !== '')
    .map((name) => ({ name, tenant: name[0]!, weight: weights[name[0]!] ?? 1, priority }));

describe('places', () => {
  it('go to the tenant with the fewest places for its weight, and to its first sequence in the queue', () => {
    expect(nextIn(tenants('b4 b5 a1'), tenants('b1 b2 b3'))?.name).toBe('a1');
    expect(nextIn(tenants('b4 a2'), tenants('a1 b1 b2'))?.name).toBe('a2');
    expect(nextIn(tenants('a2 b4', { b: 3 }), tenants('a1 b1 b2', { b: 3 }))?.name).toBe('b4');
    expect(nextIn(tenants('b4 a1'), [])?.name).toBe('b4');
    expect(nextIn([], tenants('a1'))).toBeUndefined();
  });

  it('go to sequences with a priority below 0 first, however many places their tenant has', () => {
    const waiting = [...tenants('b9', {}, -1), ...tenants('a1')];
    expect(nextIn(waiting, tenants('b1 b2'))?.name).toBe('b9');
  });

  it("are taken from the latest sequence of the tenant with most places, but never from a tenant's only sequence", () => {
    expect(victimOf(tenants('a1 a2 a3'))?.name).toBe('a3');
    expect(victimOf(tenants('b1 b2 b3 a1'))?.name).toBe('b3');
    expect(victimOf(tenants('b1 b2 b3 a1 a2', { b: 10 }))?.name).toBe('a2');
    expect(victimOf(tenants('a1 b1 c1'))?.name).toBe('c1');
  });

  it('are made for a tenant with less than its share, until it has its share', () => {
    const [next] = tenants('a9');
    expect(victimFor(next!, tenants('b1 b2 b3 b4'), [])?.name).toBe('b4');
    expect(victimFor(next!, tenants('b1 b2 b3 a1'), [])?.name).toBe('b3');
    expect(victimFor(next!, tenants('b1 b2 a1 a2'), [])).toBeUndefined();
    expect(victimFor(next!, tenants('b1'), [])).toBeUndefined();
    expect(victimFor(next!, tenants('b1 b2 b3 a1'), tenants('c1 d1'))).toBeUndefined();
    expect(victimFor({ ...next!, weight: 3 }, tenants('b1 b2 a1 a2', { a: 3 }), [])?.name).toBe('b2');
    expect(victimFor(tenants('b9')[0]!, tenants('b1 b2 b3 a1'), [])).toBeUndefined();
  });
});
