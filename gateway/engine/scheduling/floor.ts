// Micro-batches take turns at computing, and what one has computed leaves before the next begins. Without turns, answers
// that came together are worked off together: all compute, then all send, and nothing overlaps any more.
import { setImmediate as socketsRead } from 'node:timers/promises';
import type { DenseDevice } from '../../../model/devices/dense.ts';

/** The device, one layer's rows at a time, in the order in which they were asked for. */
export function inTurns(dense: DenseDevice): DenseDevice {
  const take = turns();
  const layer: DenseDevice['layer'] = (...rows) => take(() => dense.layer(...rows));
  return new Proxy(dense, {
    get(device, name) {
      if (name === 'layer') return layer;
      const member: unknown = Reflect.get(device, name);
      return typeof member === 'function' ? member.bind(device) : member;
    },
  });
}

/** Runs what it is given one after another; between two, what the first led to at once is done and sockets are read. */
export function turns(): <T>(compute: () => Promise<T>) => Promise<T> {
  let free: Promise<void> = Promise.resolve();
  return (compute) => {
    const done = free.then(compute);
    const next = () => socketsRead();
    free = done.then(next, next); // whoever asked hears of a failure
    return done;
  };
}
