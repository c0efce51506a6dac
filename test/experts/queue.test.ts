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

describe('what is taken next', () => {
  test('is the layer of the oldest call, with all that waits for that layer', () => {
    const queue = queueOf(job('a', 5), job('b', 2), job('c', 5));
    expect(queue.take(100)).toMatchObject({ layer: 5, jobs: [{ name: 'a' }, { name: 'c' }] });
    expect(queue.take(100)).toMatchObject({ layer: 2, jobs: [{ name: 'b' }] });
    expect(queue.take(100)).toBeUndefined();
  });

  test('leaves the same layer of another model for later', () => {
    const queue = queueOf(job('a', 5), job('b', 5, { model: 'b' }), job('c', 5));
    expect(queue.take(100)).toMatchObject({ model: 'a', layer: 5, jobs: [{ name: 'a' }, { name: 'c' }] });
    expect(queue.take(100)).toMatchObject({ model: 'b', layer: 5, jobs: [{ name: 'b' }] });
  });

  test('prefers generated tokens, and takes bulk rows of the same layer after them', () => {
    const queue = queueOf(
      job('bulk 1', 1, { priority: 1 }),
      job('bulk 2', 2, { priority: 1 }),
      job('decode', 2),
    );
    expect(namesOf(queue.take(100)?.jobs)).toEqual(['decode', 'bulk 2']);
    expect(namesOf(queue.take(100)?.jobs)).toEqual(['bulk 1']);
  });

  test('stops before the limit of pairs, but takes a single call however large', () => {
    const three = { asks: new Uint16Array(6) };
    const queue = queueOf(job('a', 1, three), job('b', 1, three), job('c', 1, three));
    expect(namesOf(queue.take(6)?.jobs)).toEqual(['a', 'b']);
    expect(queue.asks).toBe(3);
    expect(namesOf(queue.take(2)?.jobs)).toEqual(['c']);
  });
});

test('calls cancelled or past their deadline are dead, and nothing else', () => {
  const until = (deadlineAt: number, aborted = false) => ({ call: { aborted, deadlineAt } });
  const queue = queueOf(job('a', 1, until(1_000, true)), job('b', 1, until(50)), job('c', 1, until(51)));
  expect(namesOf(queue.takeDead(50))).toEqual(['a', 'b']);
  expect(queue.calls).toBe(1);
  expect(queue.asks).toBe(1);
});
