// Reads the golden rows of an open bundle: a row for each layer, and the answer of each of the layer's experts to it.
import { unitShape } from '../config/model-config.ts';
import { widenBrain } from '../floats.ts';
import type { Bundle } from './bundle.ts';
import { DIGEST_BYTES } from './golden-file.ts';

/** The answer of a sound expert to its layer's row. */
export interface GoldenAnswer {
  /** `[hidden]`, rounded to bfloat16 and not weighted. Sound experts of other numerics classes give nearly this answer. */
  row: Float32Array;
  /** `goldenDigest` of the answer before rounding. Sound experts of the same numerics class give exactly these bits. */
  digest: string;
}

/** Golden rows, readable while the bundle is open. They are valid only for shards with the content hash of this bundle. */
export interface Goldens {
  /** The numerics class of the device that computed the answers. */
  readonly numericsClass: string;
  /** `[hidden]`, the row that every expert of the layer answers. */
  input(layer: number): Float32Array;
  /** Rejects with an InputError if the stored answer is damaged. */
  answer(layer: number, expert: number): Promise<GoldenAnswer>;
}

/** Undefined if the bundle has no golden rows. Keeps the answers of the last used layer in memory. */
export async function openGoldens({ config, golden }: Pick<Bundle, 'config' | 'golden'>) {
  if (golden === undefined) return undefined;
  const { layers, experts, hidden } = unitShape(config);
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
          if (kept === reading) kept = undefined; // the next call reads the answers again
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
