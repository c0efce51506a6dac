// Shows progress: a bar at a terminal, or elsewhere a line for every 10 %.
import { formatBytes } from '../../base/format-bytes.ts';

export interface ProgressState {
  label: string;
  done: number;
  total: number;
  /** Amount per second; 0 if it is unknown. */
  rate: number;
}

export interface ProgressOptions {
  label: string;
  stream?: { isTTY?: boolean; columns?: number; write: (text: string) => unknown };
  /** Milliseconds on a monotonic clock. */
  now?: () => number;
  /** Name of the things that are counted, such as `experts`. Default: bytes. */
  unit?: string;
}

const REDRAW_MS = 100;
/** A resumed run passes quickly over the work of the run before, so the rate and the ETA count only the last 10 s. */
const WINDOW_MS = 10_000;

export function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  const pad = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

/** Formats bytes as `3.10 GB of 12.00 GB`, and other amounts as `173 of 576 parts`. */
export function amountsOf(done: number, total: number, unit?: string): string {
  if (unit === undefined) return `${formatBytes(done)} of ${formatBytes(total)}`;
  return `${Math.round(done)} of ${Math.round(total)} ${unit}`;
}

/** Formats the bar as one line of at most `columns` characters. */
export function progressLine(state: ProgressState, columns: number, unit?: string): string {
  const { label, done, total, rate } = state;
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const perSecond = unit === undefined ? formatBytes(rate) : `${Math.round(rate)} ${unit}`;
  const speed = rate > 0 ? `  ${perSecond}/s  ETA ${formatSeconds((total - done) / rate)}` : '';
  const tail = `${String(Math.floor(share * 100)).padStart(3)} %  ${amountsOf(done, total, unit)}${speed}`;
  const width = Math.min(40, columns - label.length - tail.length - 4);
  if (width < 5) return `${label} ${tail}`.slice(0, columns);
  const filled = Math.floor(share * width);
  return `${label} [${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${tail}`;
}

export function progressBar({
  label,
  stream = process.stderr,
  now = () => performance.now(),
  unit,
}: ProgressOptions) {
  const samples: { at: number; done: number }[] = [];
  let drawnAt = Number.NEGATIVE_INFINITY;
  let tenths = 0;
  let drawn = false;
  const rate = (): number => {
    const [first, last] = [samples[0], samples.at(-1)];
    if (first === undefined || last === undefined || last.at - first.at < 500) return 0;
    return ((last.done - first.done) / (last.at - first.at)) * 1000;
  };
  return {
    update(done: number, total: number) {
      const at = now();
      const finished = done >= total;
      if (at - drawnAt < REDRAW_MS && !finished) return;
      samples.push({ at, done });
      while (samples.length > 2 && at - (samples[0]?.at ?? at) > WINDOW_MS) samples.shift();
      drawnAt = at;
      if (stream.isTTY) {
        const state = { label, done, total, rate: rate() };
        stream.write(`\r\x1b[K${progressLine(state, (stream.columns || 80) - 1, unit)}`);
        drawn = true;
        return;
      }
      const reached = total > 0 ? Math.floor((10 * done) / total) : 10;
      if (reached <= tenths) return;
      tenths = reached;
      stream.write(`${label} ${reached * 10} %  ${amountsOf(done, total, unit)}\n`);
    },
    /** Clears the bar's line, so that other text can be written there. */
    hide() {
      if (drawn) stream.write('\r\x1b[K');
      drawn = false;
    },
    /** Ends the bar's line, if it was drawn. */
    end() {
      if (drawn) stream.write('\n');
      drawn = false;
    },
  };
}
