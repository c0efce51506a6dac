// Preloaded into the command line (`--import`) to make one of its threads fail unexpectedly. FAULTY_THREAD names the thread and
// the fault, such as `engine:throw`, which happens once the file FAULTY_WHEN exists.
import { existsSync } from 'node:fs';
import { isMainThread, workerData } from 'node:worker_threads';

const [thread, fault] = process.env.FAULTY_THREAD?.split(':') ?? [];
const when = process.env.FAULTY_WHEN ?? '';

const faults: Record<string, () => void> = {
  throw() {
    throw new Error('a fault that nobody foresaw');
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
  if (act === undefined) throw new Error(`no fault is called ${fault}`);
  if (existsSync(when)) act(); // a thread that computes at once has no turn for a timer
  const timer = setInterval(() => {
    if (!existsSync(when)) return;
    clearInterval(timer);
    act();
  }, 5);
  timer.unref();
}
