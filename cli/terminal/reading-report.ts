// Reports the progress of reading experts ahead: a bar at a terminal, or elsewhere a log line at every quarter.
import type { Logger } from 'pino';
import { amountsOf, type ProgressOptions, progressBar } from './progress.ts';

/** Nothing is reported before this time has passed. */
const QUIET_MS = 2_000;
const LABEL = 'reading experts ahead';

export function readingReport({
  log,
  stream = process.stderr,
  now = () => performance.now(),
}: Pick<ProgressOptions, 'stream' | 'now'> & { log: Pick<Logger, 'info'> }) {
  const bar = progressBar({ label: LABEL, stream, now });
  let startedAt: number | undefined;
  let quarters = 0;
  return {
    /** `done` and `total` are in bytes. */
    update(done: number, total: number) {
      startedAt ??= now();
      if (now() - startedAt < QUIET_MS) return;
      if (stream.isTTY) {
        bar.update(done, total);
        if (done >= total) bar.end();
        return;
      }
      const reached = Math.floor((4 * done) / total);
      if (reached <= quarters) return;
      quarters = reached;
      log.info(`${LABEL}: ${25 * reached} %, ${amountsOf(done, total)}`);
    },
    /** Clears the bar's line, so that other text can be written; the next update draws the bar again. */
    hide: () => bar.hide(),
  };
}

/** Returns one reporter for each part. Once every part has reported, `report` is called with the sums over all parts. */
export function addUp(parts: number, report: (done: number, total: number) => void) {
  const each = Array.from({ length: parts }, () => ({ done: 0, total: 0 }));
  return each.map((part) => (done: number, total: number) => {
    part.done = done;
    part.total = total;
    if (each.some((other) => other.total === 0)) return;
    report(
      each.reduce((sum, other) => sum + other.done, 0),
      each.reduce((sum, other) => sum + other.total, 0),
    );
  });
}
