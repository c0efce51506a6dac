// Finds out what a path is, and whether and how it will be served.
import { errorText } from '../../base/error-text.ts';
import { formatBytes } from '../../base/format-bytes.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { planConversion } from '../../model/convert/convert.ts';
import { InputError } from '../../model/errors.ts';
import { kindOf } from '../../model/kind.ts';
import { USUAL_BITS } from '../flags/bits.ts';
import { convertCommand, describeKind, ownCommand, quoted } from '../flags/model-paths.ts';
import type { Inspection } from './describe.ts';
import { modelFacts } from './facts.ts';
import { textFacts, textFactsOf } from './text-facts.ts';

/** The type of floats that sizes are computed for if a bundle does not say its source's. */
const USUAL_DTYPE = 'BF16';

/** Rejects with the system's error if the path cannot be read. Everything else is part of the result. */
export async function inspect(path: string, shardMemory: number): Promise<Inspection> {
  const kind = await kindOf(path);
  if (kind.kind === 'bundle') return inspectBundle(path, shardMemory);
  if (kind.kind === 'checkpoint') return inspectCheckpoint(path, 'a Hugging Face checkpoint', shardMemory);
  if (kind.kind === 'gguf') return inspectCheckpoint(path, 'a model in GGUF', shardMemory);
  const nothing = { files: [], model: undefined, served: false, next: undefined };
  return {
    path,
    is: describeKind(path, kind),
    ...nothing,
    reason: 'it is not a model that can be converted',
  };
}

async function inspectBundle(path: string, shardMemory: number): Promise<Inspection> {
  try {
    const bundle = await openBundle(path);
    const { config, manifest, bits, golden } = bundle;
    await bundle.close();
    const sourceDtype = manifest.sourceDtypes.find((dtype) => dtype !== 'F32') ?? USUAL_DTYPE;
    const size = Object.values(manifest.files).reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      path,
      is: `a bundle at ${bits} bits, ${formatBytes(size)}`,
      model: modelFacts(config, { sourceDtype, shardMemory, bits: [bits] }),
      files: [
        ['identity', manifest.identity],
        ['content', manifest.contentHash],
        ['made by', `${manifest.tool} from ${manifest.sourceDtypes.join(', ')}`],
        [
          'golden rows',
          golden === undefined ? 'none (expertgrid golden records them)' : golden.numericsClass,
        ],
        ...(await textFacts(path)),
      ],
      served: true,
      reason: undefined,
      next: `${ownCommand(process.env)} up --model ${quoted(path)}`,
    };
  } catch (error) {
    return refused(path, 'a bundle', error);
  }
}

async function inspectCheckpoint(path: string, is: string, shardMemory: number): Promise<Inspection> {
  try {
    const planned = await planConversion({ from: path, bits: USUAL_BITS });
    const { config, copies, forms, sourceBytes } = planned;
    const sourceDtype = forms.find((form) => form === 'BF16' || form === 'F16') ?? USUAL_DTYPE;
    return {
      path,
      is,
      model: modelFacts(config, { sourceDtype, shardMemory }),
      files: [
        ['weights', `${forms.join(', ')}, ${formatBytes(sourceBytes)}`],
        ...(await textFactsOf(copies)),
      ],
      served: true,
      reason: undefined,
      next: convertCommand(path),
    };
  } catch (error) {
    return refused(path, is, error);
  }
}

/** Only faults of the files are part of the result. */
function refused(path: string, is: string, error: unknown): Inspection {
  if (!(error instanceof InputError)) throw error;
  return { path, is, files: [], model: undefined, served: false, reason: errorText(error), next: undefined };
}
