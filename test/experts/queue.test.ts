import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Job, LayerQueue } from '../../experts/queue.ts';

interface Named extends Job {
  name: string;
}

function job(name: string, layer: number, options: Partial<Job> & { asks?: Uint16Array } = {}): Named {
  return {
    name,
    model: 'a',
    layer,
    asks: new Uint16Array(2),
    priority: 0,
    call: { aborted: false, deadlineAt: 1_000 },
    ...options,
  };
}

function queueOf(...jobs: Named[]): LayerQueue<Named> {
  const queue = new LayerQueue<Named>();
  for (const each of jobs) queue.push(each);
  return queue;
}

function namesOf(jobs: readonly Named[] | undefined): string[] {
  return (jobs ?? []).map(({ name }) => name);
}

describe('the next batch', () => {
  test('has the oldest call and all calls that wait for its layer', () => {
    const queue = queueOf(job('a', 5), job('b', 2), job('c', 5));
    expect(queue.take(100)).toMatchObject({ layer: 5, jobs: [{ name: 'a' }, { name: 'c' }] });
    expect(queue.take(100)).toMatchObject({ layer: 2, jobs: [{ name: 'b' }] });
    expect(queue.take(100)).toBeUndefined();
  });

  test('has no calls for the same layer of another model', () => {
    const queue = queueOf(job('a', 5), job('b', 5, { model: 'b' }), job('c', 5));
    expect(queue.take(100)).toMatchObject({ model: 'a', layer: 5, jobs: [{ name: 'a' }, { name: 'c' }] });
    expect(queue.take(100)).toMatchObject({ model: 'b', layer: 5, jobs: [{ name: 'b' }] });
  });

  test('begins with decode rows, followed by prefill rows of the same layer', () => {
    const queue = queueOf(
      job('bulk 1', 1, { priority: 1 }),
      job('bulk 2', 2, { priority: 1 }),
      job('decode', 2),
    );
    expect(namesOf(queue.take(100)?.jobs)).toEqual(['decode', 'bulk 2']);
    expect(namesOf(queue.take(100)?.jobs)).toEqual(['bulk 1']);
  });

  test('stays within the limit of pairs, but a single call may exceed it', () => {
    const three = { asks: new Uint16Array(6) };
    const queue = queueOf(job('a', 1, three), job('b', 1, three), job('c', 1, three));
    expect(namesOf(queue.take(6)?.jobs)).toEqual(['a', 'b']);
    expect(queue.asks).toBe(3);
    expect(namesOf(queue.take(2)?.jobs)).toEqual(['c']);
  });
});

describe('starvation', () => {
  test('prefill rows get a turn if decode rows arrive without end', () => {
    const queue = queueOf(job('bulk', 3, { priority: 1 }));
    const names: string[] = [];
    for (let turn = 0; turn < 20; turn++) {
      queue.push(job(`decode ${turn}`, turn % 3));
      names.push(...namesOf(queue.take(100)?.jobs));
    }
    expect(names.indexOf('bulk')).toBe(16);
  });

  test('a call that was passed over too often runs before other calls of its layer', () => {
    const queue = queueOf(job('bulk', 1, { priority: 1, asks: new Uint16Array(8) }));
    for (let turn = 0; turn < 17; turn++) {
      queue.push(job('decode', 1, { asks: new Uint16Array(8) }));
      const names = namesOf(queue.take(4)?.jobs);
      expect(names).toEqual([turn < 16 ? 'decode' : 'bulk']);
    }
  });

  test('a call behind n calls is taken within 17 (n + 1) turns for any arrivals', () => {
    const arrival = fc.record({
      layer: fc.nat(3),
      priority: fc.constantFrom<0 | 1>(0, 0, 0, 1),
      pairs: fc.integer({ min: 1, max: 6 }),
    });
    const turns = fc.array(fc.array(arrival, { maxLength: 3 }), { minLength: 50, maxLength: 300 });
    const property = fc.property(turns, fc.integer({ min: 1, max: 8 }), (arrivals, maxAsks) => {
      const queue = new LayerQueue<Named>();
      const dueBy = new Map<string, number>();
      let count = 0;
      for (let turn = 0; turn < arrivals.length || queue.calls > 0; turn++) {
        for (const { layer, priority, pairs } of arrivals[turn] ?? []) {
          const name = `${count++}`;
          dueBy.set(name, turn + 17 * (queue.calls + 1));
          queue.push(job(name, layer, { priority, asks: new Uint16Array(2 * pairs) }));
        }
        for (const name of namesOf(queue.take(maxAsks)?.jobs)) {
          expect(turn).toBeLessThan(dueBy.get(name)!);
          dueBy.delete(name);
        }
      }
      expect(dueBy.size).toBe(0);
    });
    fc.assert(property, { seed: 11, numRuns: 200 });
  });
});

test('takeDead returns exactly the calls that are cancelled or past their deadline', () => {
  const until = (deadlineAt: number, aborted = false) => ({ call: { aborted, deadlineAt } });
  const queue = queueOf(job('a', 1, until(1_000, true)), job('b', 1, until(50)), job('c', 1, until(51)));
  expect(namesOf(queue.takeDead(50))).toEqual(['a', 'b']);
  expect(queue.calls).toBe(1);
  expect(queue.asks).toBe(1);
});
