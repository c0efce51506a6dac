// Lets micro-batches take turns at computing, so that each sends its rows before the next one computes. Without turns,
// micro-batches whose answers arrive together would all compute and then all send, and nothing would overlap.
import { setImmediate as socketsRead } from 'node:timers/promises';
import type { DenseDevice } from '../../../model/devices/dense.ts';

/** Wraps the device so that it computes one layer of one micro-batch at a time, in the order of the calls. */
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

/** Runs functions one after another. Between two of them the event loop turns, so that rows are sent and sockets are read. */
export function turns(): <T>(compute: () => Promise<T>) => Promise<T> {
  let free: Promise<void> = Promise.resolve();
  return (compute) => {
    const done = free.then(compute);
    const next = () => socketsRead();
    free = done.then(next, next); // the caller of a failed function gets its error
    return done;
  };
}
