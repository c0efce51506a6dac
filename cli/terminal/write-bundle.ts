// Shared by the verbs that write bundles: the flag for bits, progress, Ctrl-C and the last line.

import type { Option } from 'commander';
import { formatBytes } from '../../base/format-bytes.ts';
import type { Bundle } from '../../model/bundle/bundle.ts';
import type { WriteOptions, WrittenBundle } from '../../model/convert/write-bundle.ts';
import { requireDevice } from '../../model/devices/open.ts';
import { recordGoldens } from '../../model/goldens.ts';
import { BITS_TEXT, parseBits } from '../flags/bits.ts';
import { flag } from '../flags/flags.ts';
import { onSignals } from '../signals.ts';
import { formatSeconds, progressBar } from './progress.ts';

export function bitsFlag(): Option {
  return flag('--bits <n>', `Bits of a stored weight: ${BITS_TEXT}`).argParser(parseBits).default(4);
}

/**
 * Runs `write` and records the golden rows of the new bundle, with a progress bar. Undefined after Ctrl-C; the exit code is then set and
 * the user told. Rejects before it writes anything if no device here can compute the golden rows.
 */
export async function runWriter<T extends WrittenBundle>(
  label: string,
  bundle: Pick<Bundle, 'dir' | 'bits'>,
  write: (options: Pick<WriteOptions, 'signal' | 'onProgress' | 'beforeFinish'>) => Promise<T>,
): Promise<T | undefined> {
  requireDevice({ bundle });
  const interrupted = new AbortController();
  const stopListening = onSignals({ drain: () => interrupted.abort(), halt: () => process.exit(130) });
  const { signal } = interrupted;
  let bar = progressBar({ label });
  const started = performance.now();
  try {
    const written = await write({
      signal,
      onProgress: ({ done, total }) => bar.update(done, total),
      beforeFinish: async (dir) => {
        bar.end();
        bar = progressBar({ label: 'golden answers', unit: 'experts' });
        await recordGoldens(dir, { signal, onProgress: ({ done, total }) => bar.update(done, total) });
      },
    });
    bar.end();
    const seconds = formatSeconds((performance.now() - started) / 1000);
    process.stdout.write(
      `${written.dir}: ${formatBytes(written.bytes)} in ${seconds}, ${written.identity}\n`,
    );
    return written;
  } catch (error) {
    bar.end();
    if (!signal.aborted) throw error;
    process.stderr.write('stopped; run the same command to resume\n');
    process.exitCode = 130;
    return undefined;
  } finally {
    stopListening();
  }
}
