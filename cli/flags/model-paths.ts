// Explains why a path is not the kind of model that a verb needs, and names the command that converts it.
import { dirname, relative } from 'node:path';
import type { Bits } from '../../model/bundle/tensors.ts';
import { supportedLayouts } from '../../model/config/config.ts';
import { checkpointName, kindOf, type ModelKind } from '../../model/kind.ts';
import { USUAL_BITS } from './bits.ts';

/** An error that says why the path given by `flag` is not a bundle. */
export async function bundleFault(path: string, flag: string): Promise<Error> {
  const kind = await kindOf(path);
  const shown = asGiven(path);
  return new Error(`${flag} ${shown}: ${notABundle(shown, kind)}`);
}

/** Rejects if the path of `--from` is certainly not a checkpoint. Faults in its files are found when the files are read. */
export async function requireCheckpoint(path: string): Promise<void> {
  const kind = await kindOf(path);
  if (isConvertible(kind) || kind.kind === 'weightless') return;
  const fault =
    kind.kind === 'bundle'
      ? `this is already a bundle${atBits(kind)}; convert reads a Hugging Face checkpoint or a model in GGUF`
      : describeKind(path, kind);
  throw new Error(`--from ${path}: ${fault}`);
}

/** Like `requireCheckpoint`, for `grow`, which reads only checkpoints of Hugging Face. */
export async function requireHuggingFace(path: string): Promise<void> {
  const kind = await kindOf(path);
  if (kind.kind === 'checkpoint' || kind.kind === 'weightless') return;
  const isModel = kind.kind === 'bundle' || kind.kind === 'gguf';
  const advice = isModel ? '; grow reads a Hugging Face checkpoint' : '';
  throw new Error(`--from ${path}: ${describeKind(path, kind)}${advice}`);
}

/** Whether `convert` reads it. */
export function isConvertible({ kind }: ModelKind): boolean {
  return kind === 'checkpoint' || kind === 'gguf';
}

/** Says what the path is and, for a checkpoint, which command makes a bundle of it. */
export function notABundle(path: string, kind: ModelKind): string {
  const is = describeKind(path, kind);
  if (!isConvertible(kind)) return is;
  return `${is}. Convert it: ${convertCommand(path)}; then give --model ${quoted(bundleName(path, USUAL_BITS))}`;
}

/** The command that converts the path at the usual precision. */
export function convertCommand(path: string): string {
  const to = quoted(bundleName(path, USUAL_BITS));
  return `${ownCommand(process.env)} convert --from ${quoted(path)} --to ${to} --bits ${USUAL_BITS}`;
}

/** Name of the bundle made from a checkpoint, such as `Qwen3-30B-A3B-4bit`. */
export function bundleName(path: string, bits: Bits): string {
  return `${checkpointName(path)}-${bits}bit`;
}

function atBits({ bits }: { bits: number | undefined }): string {
  return bits === undefined ? '' : ` at ${bits} bits`;
}

const supported = new Intl.ListFormat('en-GB').format(
  supportedLayouts.map(({ title, type }) => `${title} (${type})`),
);

/** Says what the path is, for a message that begins with the path. */
export function describeKind(path: string, kind: ModelKind): string {
  switch (kind.kind) {
    case 'bundle':
      return `this is a bundle${atBits(kind)}`;
    case 'unfinished':
      return 'this is a bundle whose conversion has not ended; run the same convert command again to resume it';
    case 'checkpoint':
      return `this is a Hugging Face checkpoint (${kind.layout}) and not a bundle`;
    case 'unsupported':
      return (
        (kind.layout === undefined
          ? 'this looks like a checkpoint, but its config.json does not say its layout (model_type)'
          : `this is a Hugging Face checkpoint in the layout ${kind.layout}, which is not supported`) +
        `; ${supported} are`
      );
    case 'weightless':
      return kind.others === undefined
        ? `this has a config.json (${kind.layout}) but no weights; download its *.safetensors files too`
        : `this is a checkpoint whose weights are not in safetensors but in ${kind.others}; download its safetensors weights`;
    case 'repository':
      return `this is a repository in the cache of Hugging Face; give the checkpoint in it, ${quoted(kind.dir)}`;
    case 'gguf':
      return kind.file === undefined
        ? 'this is a model in GGUF and not a bundle'
        : `this directory has a model in GGUF (${kind.file}) and is not a bundle`;
    case 'file':
      return /(\.safetensors|\.json)$/.test(path)
        ? `this is a file; give its directory, ${quoted(dirname(path))}`
        : 'this is a file; a bundle is a directory with a bundle.json, and a checkpoint is a directory with a config.json';
    case 'empty':
      return 'this directory is empty; check the path';
    case 'missing':
      return isRepositoryName(path)
        ? `there is no such directory. If this is a model on Hugging Face, download it first: hf download ${path} --local-dir ${checkpointName(path)}`
        : 'there is no such directory; check the path';
    case 'other':
      return (
        'this directory is neither a bundle, because it has no bundle.json, nor a checkpoint, because it has no config.json' +
        (kind.within === undefined ? '' : `; did you mean ${quoted(kind.within)}?`)
      );
  }
}

/** True for the name of a repository on Hugging Face, such as `Qwen/Qwen3-30B-A3B`. */
function isRepositoryName(path: string): boolean {
  return /^[A-Za-z0-9][\w.-]*\/[\w.-]+$/.test(path);
}

/** A path below the current directory becomes relative, as a user would type it. */
export function asGiven(path: string): string {
  const below = relative('', path);
  return below === '' || below.startsWith('..') ? path : below;
}

/** The command that started this program, for command lines that the user can copy. */
export function ownCommand(env: NodeJS.ProcessEnv): string {
  if (env.npm_command === 'run-script' || env.npm_command === 'start') return 'npm run -s expertgrid --';
  return env.npm_command === 'exec' ? 'npx expertgrid' : 'expertgrid';
}

/** Quoted for a shell. */
export function quoted(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
