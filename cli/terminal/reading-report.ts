// Reports how far reading ahead is: a bar at a terminal, or a log line at every quarter elsewhere. Reports nothing if it is done quickly.
import type { Logger } from 'pino';
import { amountsOf, type ProgressOptions, progressBar } from './progress.ts';

/** Reading that takes less time is not reported. */
const QUIET_MS = 2_000;
const LABEL = 'reading experts ahead';

export interface ReadingReportOptions extends Pick<ProgressOptions, 'stream' | 'now'> {
  log: Pick<Logger, 'info'>;
}

export interface ReadingReport {
  /** Bytes. */
  update(done: number, total: number): void;
  /** Clears the bar's line, so that other text can be written; the next update draws it again. */
  hide(): void;
}

export function readingReport({
  log,
  stream = process.stderr,
  now = () => performance.now(),
}: ReadingReportOptions): ReadingReport {
  const bar = progressBar({ label: LABEL, stream, now });
  let startedAt: number | undefined;
  let quarters = 0;
  return {
    update(done, total) {
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
    hide: () => bar.hide(),
  };
}

/** Reporters for several parts; `report` receives their sums when all parts have begun. */
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
