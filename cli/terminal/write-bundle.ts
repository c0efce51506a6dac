// Shared by the verbs that write bundles: their flags, progress bars, Ctrl-C and the last line of output.
import type { Option } from 'commander';
import { formatBytes } from '../../base/format-bytes.ts';
import type { Bundle } from '../../model/bundle/bundle.ts';
import type { WriteOptions, WrittenBundle } from '../../model/convert/write-bundle.ts';
import { requireDevice } from '../../model/devices/open.ts';
import { type RecordedGoldens, type RecordGoldensOptions, recordGoldens } from '../../model/goldens.ts';
import { BITS_TEXT, parseBits, USUAL_BITS } from '../flags/bits.ts';
import { flag } from '../flags/flags.ts';
import { onSignals } from '../signals.ts';
import { formatSeconds, progressBar } from './progress.ts';

export function toFlag(): Option {
  return flag(
    '--to <dir>',
    'Directory of the new bundle; it must be empty or not exist',
  ).makeOptionMandatory();
}

export function bitsFlag(): Option {
  return flag('--bits <n>', `Bits of a stored weight: ${BITS_TEXT}`).argParser(parseBits).default(USUAL_BITS);
}

/**
 * Runs `write`, records the golden rows of the new bundle, and prints the bundle's size. Returns undefined after Ctrl-C. Rejects
 * before it writes anything if no device of this machine can compute the golden rows.
 */
export async function runWriter<T extends WrittenBundle>(
  label: string,
  bundle: Pick<Bundle, 'dir' | 'bits'>,
  write: (options: Pick<WriteOptions, 'signal' | 'onProgress' | 'beforeFinish'>) => Promise<T>,
): Promise<T | undefined> {
  requireDevice({ bundle });
  const bar = progressBar({ label });
  const since = performance.now();
  return await untilInterrupted('stopped; run the same command to resume', async (signal) => {
    const written = await write({
      signal,
      onProgress: ({ done, total }) => bar.update(done, total),
      beforeFinish: async (dir) => {
        bar.end();
        await recordWithBar(dir, { signal });
      },
    }).finally(() => bar.end());
    process.stdout.write(
      `${written.dir}: ${formatBytes(written.bytes)} in ${secondsSince(since)}, ${written.identity}\n`,
    );
    return written;
  });
}

/** Adds golden rows to the bundle in `dir`, and prints their size. */
export async function runRecorder(dir: string, options: RecordGoldensOptions): Promise<void> {
  const since = performance.now();
  await untilInterrupted('stopped; the bundle is unchanged', async (signal) => {
    const { bytes, numericsClass } = await recordWithBar(dir, { ...options, signal });
    process.stdout.write(
      `${dir}: ${formatBytes(bytes)} of golden rows in ${secondsSince(since)}, by ${numericsClass}\n`,
    );
  });
}

async function recordWithBar(dir: string, options: RecordGoldensOptions): Promise<RecordedGoldens> {
  const bar = progressBar({ label: 'golden answers', unit: 'experts' });
  const onProgress = ({ done, total }: { done: number; total: number }) => bar.update(done, total);
  return await recordGoldens(dir, { ...options, onProgress }).finally(() => bar.end());
}

/** Ctrl-C or SIGTERM stops `work`: `message` is printed, the exit code is set and the result is undefined. */
export async function untilInterrupted<T>(
  message: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const interrupted = new AbortController();
  const stopListening = onSignals({ drain: () => interrupted.abort(), halt: () => process.exit(130) });
  try {
    return await work(interrupted.signal);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    process.stderr.write(`${message}\n`);
    process.exitCode = 130;
    return undefined;
  } finally {
    stopListening();
  }
}

function secondsSince(since: number): string {
  return formatSeconds((performance.now() - since) / 1000);
}
