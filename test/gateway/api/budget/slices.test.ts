import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Charge, Slices, type Steps, type Tenant } from '../../../../gateway/api/budget/slices.ts';

/** A clock that only work advances, and an event loop that turns only when the test says so. */
function bench(charge?: Charge) {
  let now = 0;
  const resumes: (() => void)[] = [];
  const slices = new Slices({ now: () => now, nextTurn: (resume) => resumes.push(resume), charge });
  function* work(ms: readonly number[], done: () => void = () => {}): Steps<number> {
    for (const each of ms) {
      now += each;
      yield;
    }
    done();
    return ms.length;
  }
  return {
    slices,
    work,
    now: () => now,
    /** Runs one turn. Returns the milliseconds of its work, or undefined if no work waits. */
    turn() {
      const from = now;
      const resume = resumes.shift();
      resume?.();
      return resume === undefined ? undefined : now - from;
    },
  };
}

const tenant = (name: string, weight = 1): Tenant => ({ name, weight });

test('short work ends before the event loop turns, and long work continues in later turns', async () => {
  const { slices, work, turn } = bench();
  await expect(slices.run(tenant('a'), work([1]))).resolves.toBe(1);
  const long = slices.run(tenant('a'), work(Array(20).fill(1)));
  const turns = [];
  for (let each = turn(); each !== undefined; each = turn()) turns.push(each);
  await expect(long).resolves.toBe(20);
  expect(Math.max(...turns)).toBeLessThanOrEqual(4);
  expect(slices.waiting).toBe(0);
});

test('each tenant is charged for all the time of its work', async () => {
  const charged = new Map<string | undefined, number>();
  const { slices, work, turn } = bench((name, ms) => charged.set(name, (charged.get(name) ?? 0) + ms));
  const works = [slices.run(tenant('a'), work(Array(20).fill(1))), slices.run(tenant('b'), work([1, 2, 3]))];
  while (turn() !== undefined);
  await Promise.all(works);
  expect(charged).toEqual(
    new Map([
      ['a', 20],
      ['b', 6],
    ]),
  );
});

test('an error within the work rejects its promise, and the next work runs', async () => {
  const { slices, work } = bench();
  const failing = slices.turn(tenant('a'), () => {
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  await expect(slices.run(tenant('a'), work([1]))).resolves.toBe(1);
});

test('no turn exceeds a slice by more than one step, and tenants get time by weight', async () => {
  const job = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 30 });
  const weights = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(weights, fc.array(job, { minLength: 1, maxLength: 20 }), async (given, jobs) => {
      const { slices, work, turn, now } = bench();
      const used = given.map(() => 0);
      const open = given.map(() => jobs.length);
      const endedWhileAllWaited: number[][] = [];
      const all = given.flatMap((weight, i) =>
        jobs.map((ms) => {
          const done = () => {
            open[i]!--;
            used[i]! += ms.reduce((sum, each) => sum + each, 0) / weight;
            if (open.every((left) => left > 0)) endedWhileAllWaited.push([...used]);
          };
          return slices.run(tenant(`o${i}`, weight), work(ms, done));
        }),
      );
      for (let each = turn(); each !== undefined; each = turn()) expect(each).toBeLessThanOrEqual(4 + 2);
      await Promise.all(all);
      expect(now()).toBe(given.length * jobs.flat().reduce((sum, each) => sum + each, 0));
      // Two tenants may differ by two slices, and by one job each, because `used` counts a job only when it ends.
      const longest = Math.max(...jobs.map((ms) => ms.reduce((sum, each) => sum + each, 0)));
      for (const each of endedWhileAllWaited) {
        expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(2 * longest + 8);
      }
    }),
    { numRuns: 300, seed: 4 },
  );
});

test('a shortened turn has a quarter of a millisecond of long work, and the turn after it has a whole slice again', async () => {
  const { slices, work, turn } = bench();
  const long = slices.run(tenant('a'), work(Array(100).fill(0.125)));
  const spent = [];
  // Each turn has a second callback, which runs no work.
  for (let each = 0; each < 6; each++) {
    if (each < 4) slices.shortenTurn();
    spent.push((turn() ?? 0) + (turn() ?? 0));
  }
  expect(spent).toEqual([0.25, 0.25, 0.25, 0.25, 4, 3.5]);
  await expect(long).resolves.toBe(100);
});

test('in a shortened turn, short work that is started ends, and work in many promises pauses after a quarter of a millisecond', async () => {
  const { slices, work, turn } = bench();
  slices.shortenTurn();
  turn();
  turn();
  expect(slices.pause(tenant('b'))).toBeUndefined();
  await expect(slices.run(tenant('a'), work([0.125]))).resolves.toBe(1);
  void slices.run(tenant('a'), work(Array(8).fill(0.125)));
  const paused = slices.pause(tenant('b'));
  expect(paused).toBeInstanceOf(Promise);
  while (turn() !== undefined);
  await paused;
  expect(slices.pause(tenant('b'))).toBeUndefined();
});

test('a tenant that arrives later waits for one slice, not for all waiting work', async () => {
  const { slices, work, turn } = bench();
  for (let i = 0; i < 100; i++) void slices.run(tenant('many'), work(Array(10).fill(1)));
  turn();
  let done = false;
  void slices.run(tenant('one'), work([1])).then(() => {
    done = true;
  });
  turn();
  turn();
  await Promise.resolve();
  expect(done).toBe(true);
});

test('work that is started by a running job runs after that job', async () => {
  const { slices, turn } = bench();
  const order: string[] = [];
  const outer = slices.turn(tenant('a'), () => {
    const inner = slices.turn(tenant('a'), () => order.push('inner'));
    order.push('outer');
    return inner;
  });
  while (turn() !== undefined);
  await outer;
  expect(order).toEqual(['outer', 'inner']);
});

test('work in many promises lets the event loop turn, and a tenant waits for only one slice of another tenant', async () => {
  const slices = new Slices();
  const seen: string[] = [];
  let over = false;
  const busy = async (name: string, events: number) => {
    for (let event = 0; event < events; event++) {
      const until = performance.now() + 0.2;
      while (performance.now() < until);
      const wait = slices.pause(tenant(name));
      if (wait !== undefined) await wait;
      else await Promise.resolve();
      seen.push(name);
    }
  };
  let turns = 0;
  const turn = () => {
    turns++;
    if (!over) setImmediate(turn);
  };
  turn();
  const many = Promise.all([busy('many', 200), busy('many', 200), busy('many', 200)]);
  await busy('one', 20);
  const beside = seen.filter((name) => name === 'many').length;
  await many;
  over = true;
  expect(turns).toBeGreaterThan(10);
  expect(beside).toBeLessThan(300);
});
