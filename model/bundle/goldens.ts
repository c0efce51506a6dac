// Golden rows of an open bundle: a row for each layer, and what each of its experts answers. Knows no device.
import { widenBrain } from '../floats.ts';
import type { Bundle } from './bundle.ts';
import { DIGEST_BYTES } from './golden-file.ts';

/** What a sound expert gives for its layer's row. */
export interface GoldenAnswer {
  /** `[hidden]`, rounded to bfloat16, not weighted: what another numerics class comes near to. */
  row: Float32Array;
  /** Of the float32 bits before rounding, as `goldenDigest` gives it: what the same class gives bit for bit. */
  digest: string;
}

/** Readable while the bundle is open. They speak for its very weights: for shards whose content hash is its own. */
export interface Goldens {
  /** Of the device that computed the answers. */
  readonly numericsClass: string;
  /** `[hidden]`: the row that is put to every expert of the layer. */
  input(layer: number): Float32Array;
  /** Rejects with an InputError where the stored answer is damaged. */
  answer(layer: number, expert: number): Promise<GoldenAnswer>;
}

/** Undefined where the bundle has no golden rows. Keeps one layer's answers in memory, the last that were asked for. */
export async function openGoldens({ config, golden }: Pick<Bundle, 'config' | 'golden'>) {
  if (golden === undefined) return undefined;
  const { layers, experts, hidden } = config;
  const rows = new Float32Array((await golden.readInput()).buffer);
  const digests = await golden.readDigests();
  let kept: { layer: number; answers: Promise<Uint16Array> } | undefined;
  const requireLayer = (layer: number): void => {
    if (layer < 0 || layer >= layers) throw new RangeError(`the model has no layer ${layer}`);
  };
  const goldens: Goldens = {
    numericsClass: golden.numericsClass,
    input(layer) {
      requireLayer(layer);
      return rows.subarray(layer * hidden, (layer + 1) * hidden);
    },
    async answer(layer, expert) {
      requireLayer(layer);
      if (expert < 0 || expert >= experts) {
        throw new RangeError(`the model has no expert ${expert} in layer ${layer}`);
      }
      if (kept?.layer !== layer) {
        const answers = golden.readAnswers(layer).then(({ buffer }) => new Uint16Array(buffer));
        const reading = { layer, answers };
        kept = reading;
        answers.catch(() => {
          if (kept === reading) kept = undefined; // read again by whoever asks next
        });
      }
      const row = new Float32Array(hidden);
      widenBrain((await kept.answers).subarray(expert * hidden, (expert + 1) * hidden), row);
      const at = (layer * experts + expert) * DIGEST_BYTES;
      return { row, digest: Buffer.from(digests.subarray(at, at + DIGEST_BYTES)).toString('hex') };
    },
  };
  return goldens;
}
