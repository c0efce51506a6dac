// Prints `convert --report`: the errors of the stored weights and, for a text, how well the bundle predicts it.
import { mkdtemp, rm } from 'node:fs/promises';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { formatBytes } from '../../base/format-bytes.ts';
import { convert, planConversion } from '../../model/convert/convert.ts';
import type { KindErrors } from '../../model/convert/report/errors.ts';
import { printTable } from '../key/table.ts';
import { errorHead, errorRows, scoreLine } from './error-table.ts';
import { scoreText } from './score-text.ts';

export { readText } from './text-engine.ts';

/** Precision of the bundle that stands for the source. */
const EXACT_BITS = 32;

/** Largest part of the free memory that the source may take at 32 bits. Above it, only the new bundle is scored. */
const MEMORY_SHARE = 0.5;

export interface Report {
  from: string;
  /** Directory of the new bundle, and its precision. */
  dir: string;
  bits: number;
  errors: readonly KindErrors[];
  text: string | undefined;
  /** Stops the scoring. Temporary files are deleted. */
  signal: AbortSignal;
}

export async function printReport(report: Report): Promise<void> {
  const { dir, bits, errors, text, signal } = report;
  printTable(errorHead, errorRows(errors));
  if (text === undefined) return;
  const print = async (name: string, bundle: string): Promise<void> => {
    process.stdout.write(`${scoreLine(await scoreText(bundle, text, signal), name)}\n`);
  };
  await print(`${bits} bits`, dir);
  if (bits !== EXACT_BITS) await scoreSource(report, (bundle) => print('the source at 32 bits', bundle));
}

/** Converts the source at 32 bits into a directory beside the bundle, and deletes it afterwards. */
async function scoreSource(
  { from, dir, signal }: Report,
  score: (dir: string) => Promise<void>,
): Promise<void> {
  const { bundleBytes } = await planConversion({ from, bits: EXACT_BITS });
  const most = freemem() * MEMORY_SHARE;
  if (bundleBytes > most) {
    const sizes = `${formatBytes(bundleBytes)} at 32 bits, more than half of the free memory`;
    process.stdout.write(`the source is not scored, because it takes ${sizes}\n`);
    return;
  }
  const temporary = await mkdtemp(`${dir}.report-`);
  try {
    const to = join(temporary, 'bundle');
    await convert({ from, to, bits: EXACT_BITS, signal });
    await score(to);
  } finally {
    await rm(temporary, { recursive: true });
  }
}
