// Lets `expertgrid up` serve Hugging Face checkpoints. Each checkpoint is converted once into a bundle in a cache, if the user agrees.
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { formatBytes } from '../../base/format-bytes.ts';
import { convert, planConversion } from '../../model/convert/convert.ts';
import { checkpointName, kindOf } from '../../model/kind.ts';
import { type Bits, bundleBits } from '../../model/tiles.ts';
import { cacheDirectory } from '../files.ts';
import { alternatives, USUAL_BITS } from '../flags/bits.ts';
import { UsageError } from '../flags/flags.ts';
import {
  asGiven,
  bundleName,
  describeKind,
  isConvertible,
  notABundle,
  quoted,
} from '../flags/model-paths.ts';
import type { NamedModel } from '../flags/models.ts';
import { runWriter } from '../terminal/write-bundle.ts';

/**
 * Replaces each checkpoint by its bundle in the cache. A missing bundle is made if `bits` are given or if the user at the terminal
 * agrees. Other paths are returned unchanged. Returns undefined if the user stopped a conversion.
 */
export async function convertModels(
  models: readonly NamedModel[],
  bits: Bits | undefined,
): Promise<NamedModel[] | undefined> {
  const bundles: NamedModel[] = [];
  for (const model of models) {
    const kind = await kindOf(model.dir);
    if (kind.kind === 'bundle' && bits !== undefined && kind.bits !== bits) {
      throw new UsageError(
        `--bits ${bits}: ${model.dir} is already a bundle${kind.bits === undefined ? '' : ` at ${kind.bits} bits`}; ` +
          '--bits is for Hugging Face checkpoints and GGUF',
      );
    }
    const dir = isConvertible(kind) ? await convertedBundle(model.dir, bits) : model.dir;
    if (dir === undefined) return undefined;
    bundles.push({ id: isConvertible(kind) ? idOf(model) : model.id, dir });
  }
  return bundles;
}

/** The id of a checkpoint. In the cache of Hugging Face, the directory's name is a hash, so the repository's name is used. */
function idOf({ id, dir }: NamedModel): string {
  return dir.endsWith(id) ? checkpointName(dir) : id;
}

async function convertedBundle(dir: string, wanted: Bits | undefined): Promise<string | undefined> {
  const from = asGiven(dir);
  const { key } = await planConversion({ from, bits: USUAL_BITS });
  const pathOf = (bits: Bits) =>
    join(bundleCache(process.env), `${bundleName(from, bits)}-${key.slice(0, 12)}`);
  for (const bits of wanted === undefined ? bundleBits : [wanted]) {
    if ((await kindOf(pathOf(bits))).kind === 'bundle') {
      process.stderr.write(
        `${from}: using the bundle at ${bits} bits that was made earlier, ${pathOf(bits)}\n`,
      );
      return pathOf(bits);
    }
  }
  const bits = wanted ?? (await askForBits(from, pathOf));
  const to = pathOf(bits);
  process.stderr.write(`${from}: converting to ${bits} bits into ${to}\n`);
  const written = await runWriter('converting', { dir: to, bits }, (options) =>
    convert({ from, to, bits, ...options }),
  );
  return written?.dir;
}

/** Asks the user for the precision. Rejects if there is no terminal or the user declines. */
async function askForBits(from: string, pathOf: (bits: Bits) => string): Promise<Bits> {
  const kind = await kindOf(from);
  const refusal = `--model ${from}: ${notABundle(from, kind)}. Or add --bits ${USUAL_BITS}, which converts it into a cache at the start`;
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new Error(refusal);
  const { sourceBytes, bundleBytes } = await planConversion({ from, bits: USUAL_BITS });
  process.stderr.write(
    `${from}: ${describeKind(from, kind)}.\n` +
      `Its ${formatBytes(sourceBytes)} of weights take ${formatBytes(bundleBytes)} at ${USUAL_BITS} bits, in ${quoted(pathOf(USUAL_BITS))}\n`,
  );
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const stopped = new AbortController();
  lines.on('close', () => stopped.abort()); // Ctrl-C and Ctrl-D
  try {
    for (;;) {
      const others = alternatives(bundleBits.filter((bits) => bits !== USUAL_BITS));
      const question = `Convert it to ${USUAL_BITS} bits? Enter converts, ${others} converts to more bits, n cancels: `;
      const answer = parseAnswer(await lines.question(question, { signal: stopped.signal }));
      if (answer === 'no') throw new Error(refusal);
      if (answer !== undefined) return answer;
    }
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
    process.stderr.write('\n');
    throw new Error(refusal, { cause: error });
  } finally {
    lines.close();
  }
}

/** Undefined if the text does not answer the question. */
export function parseAnswer(text: string): Bits | 'no' | undefined {
  const word = text
    .trim()
    .toLowerCase()
    .replace(/ *bits?$/, '');
  if (['', 'y', 'yes'].includes(word)) return USUAL_BITS;
  if (['n', 'no'].includes(word)) return 'no';
  return bundleBits.find((bits) => String(bits) === word);
}

/** The directory of converted bundles. */
export function bundleCache(env: NodeJS.ProcessEnv): string {
  return join(cacheDirectory(env), 'bundles');
}
