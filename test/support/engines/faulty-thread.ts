// Makes a thread of the command line fail if Node preloads this file (`--import`). The variable FAULTY_THREAD names the
// thread and the fault, such as `engine:throw`. The fault happens when the file that FAULTY_WHEN names exists.
import { existsSync } from 'node:fs';
import { isMainThread, workerData } from 'node:worker_threads';

const [thread, fault] = process.env.FAULTY_THREAD?.split(':') ?? [];
const when = process.env.FAULTY_WHEN ?? '';

const faults: Record<string, () => void> = {
  throw() {
    throw new Error('an unexpected fault');
  },
  heap() {
    const held: object[][] = [];
    for (;;) held.push(Array.from({ length: 10_000 }, () => ({})));
  },
  end: () => process.exit(),
};

function threadName(): string | undefined {
  if (isMainThread) return 'main';
  if (workerData?.engine !== undefined) return 'engine';
  return workerData?.traffic === undefined ? undefined : 'read-ahead';
}

if (thread !== undefined && threadName() === thread) {
  const act = faults[fault ?? ''];
  if (act === undefined) throw new Error(`FAULTY_THREAD: there is no fault ${fault}`);
  if (existsSync(when)) act(); // a thread that computes from its start never runs a timer
  const timer = setInterval(() => {
    if (!existsSync(when)) return;
    clearInterval(timer);
    act();
  }, 5);
  timer.unref();
}
