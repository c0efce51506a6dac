// The table of GPU slots: nothing is released while it is used, and nothing is kept after its last user.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slots } from '../../../model/devices/gpu/slots.ts';

function table() {
  const released: string[] = [];
  const slots = new Slots<string>(async (held) => {
    released.push(held);
  });
  return { slots, released };
}

describe('slots', () => {
  it('release a dropped resource when its last user is done', async () => {
    const { slots, released } = table();
    await slots.put(1, 'a');
    await slots.using([1], async ([outer]) => {
      await slots.using([1, 1], async () => {
        await slots.drop(1);
        expect(slots.has(1)).toBe(false);
      });
      expect(released).toEqual([]);
      expect(outer).toBe('a');
    });
    expect(released).toEqual(['a']);
  });

  it('give a replacement to the next user, while earlier users keep the old resource', async () => {
    const { slots, released } = table();
    await slots.put(1, 'old');
    await slots.using([1], async ([held]) => {
      await slots.put(1, 'new');
      expect(held).toBe('old');
      await slots.using([1], async (next) => expect(next).toEqual(['new']));
      expect(released).toEqual([]);
    });
    expect(released).toEqual(['old']);
  });

  it('release the resources of a user that fails', async () => {
    const { slots, released } = table();
    await slots.put(1, 'a');
    const failing = slots.using([1, 2], async (held) => {
      expect(held).toEqual(['a', undefined]);
      await slots.drop(1);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(released).toEqual(['a']);
  });

  it('release each resource once, after its users, in any order of events', async () => {
    const event = fc.record({
      key: fc.nat(2),
      what: fc.constantFrom('put', 'drop', 'begin', 'end'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
        const { slots, released } = table();
        const running: { held: (string | undefined)[]; end: () => void; done: Promise<void> }[] = [];
        let made = 0;
        for (const { key, what } of events) {
          if (what === 'put') await slots.put(key, `${made++}`);
          else if (what === 'drop') await slots.drop(key);
          else if (what === 'begin') {
            const { promise, resolve } = Promise.withResolvers<void>();
            const entry = { held: [] as (string | undefined)[], end: resolve, done: Promise.resolve() };
            entry.done = slots.using([key, (key + 1) % 3], (held) => {
              entry.held = held;
              return promise;
            });
            running.push(entry);
          } else {
            const ended = running.shift();
            ended?.end();
            await ended?.done;
          }
          const inUse = running.flatMap(({ held }) => held);
          for (const thing of released) expect(inUse).not.toContain(thing);
        }
        for (const { end, done } of running) {
          end();
          await done;
        }
        await slots.clear();
        expect(released.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: made }, (_, i) => i));
      }),
      { seed: 11, numRuns: 200 },
    );
  });
});
