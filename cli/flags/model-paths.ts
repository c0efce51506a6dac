// Explains that a path is not the kind of model that a verb takes, and names the command that makes it one. Converts nothing.
import { dirname, relative } from 'node:path';
import type { Bits } from '../../model/bundle/tensors.ts';
import { supportedLayouts } from '../../model/config/config.ts';
import { checkpointName, kindOf, type ModelKind } from '../../model/kind.ts';

/** Default bits of a new bundle. */
export const USUAL_BITS: Bits = 4;

/** Why the path that `flag` gave is not a bundle. */
export async function bundleFault(path: string, flag: string): Promise<Error> {
  const kind = await kindOf(path);
  const shown = asGiven(path);
  return new Error(`${flag} ${shown}: ${notABundle(shown, kind)}`);
}

/** Rejects if the path of `--from` is certainly not a checkpoint. The reader of checkpoints reports other faults. */
export async function requireCheckpoint(path: string): Promise<void> {
  const kind = await kindOf(path);
  if (kind.kind === 'checkpoint' || kind.kind === 'weightless') return;
  const fault = kind.kind === 'bundle' ? alreadyBundle(kind) : describeKind(path, kind);
  throw new Error(`--from ${path}: ${fault}`);
}

/** Says what the path is, and which command makes a bundle of it if that is possible. */
export function notABundle(path: string, kind: ModelKind): string {
  const is = describeKind(path, kind);
  if (kind.kind !== 'checkpoint') return is;
  const to = bundleName(path, USUAL_BITS);
  return `${is}. Convert it: ${convertCommandLine({ from: path, to, bits: USUAL_BITS })}; then give --model ${quoted(to)}`;
}

/** `Qwen3-30B-A3B-4bit` */
export function bundleName(path: string, bits: Bits): string {
  return `${checkpointName(path)}-${bits}bit`;
}

export function convertCommandLine({ from, to, bits }: { from: string; to: string; bits: Bits }): string {
  return `${ownCommand(process.env)} convert --from ${quoted(from)} --to ${quoted(to)} --bits ${bits}`;
}

function alreadyBundle({ bits }: { bits: number | undefined }): string {
  const precision = bits === undefined ? '' : ` at ${bits} bits`;
  return `this is already a bundle${precision}; convert reads a Hugging Face checkpoint`;
}

const supported = new Intl.ListFormat('en-GB').format(
  supportedLayouts.map(({ title, type }) => `${title} (${type})`),
);

/** For a message that has already named the path. */
export function describeKind(path: string, kind: ModelKind): string {
  switch (kind.kind) {
    case 'bundle':
      return `this is a bundle${kind.bits === undefined ? '' : ` at ${kind.bits} bits`}`;
    case 'unfinished':
      return 'this is a bundle whose conversion has not ended; run the same convert command again to go on with it';
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
        : `this is a checkpoint whose weights are not in safetensors but in ${kind.others}; download it as safetensors`;
    case 'repository':
      return `this is a repository in the cache of Hugging Face; the checkpoint is in ${quoted(kind.dir)}`;
    case 'gguf':
      return (
        `${kind.file === undefined ? 'this is a GGUF file' : `this holds a GGUF file (${kind.file})`}, which cannot be read; ` +
        'give the Hugging Face checkpoint that it was made from'
      );
    case 'file':
      return /(\.safetensors|\.json)$/.test(path)
        ? `this is a file; give the directory that it lies in, ${quoted(dirname(path))}`
        : 'this is a file; a bundle is a directory with a bundle.json, a checkpoint one with a config.json';
    case 'empty':
      return 'this directory is empty; check the path';
    case 'missing':
      return isRepositoryName(path)
        ? `there is no such directory. If this is a model on Hugging Face, download it first: hf download ${path} --local-dir ${checkpointName(path)}`
        : 'there is no such directory; check the path';
    case 'other':
      return (
        'this directory has neither a bundle.json, as a bundle has, nor a config.json, as a checkpoint has' +
        (kind.within === undefined ? '' : `; did you mean ${quoted(kind.within)}?`)
      );
  }
}

/** `Qwen/Qwen3-30B-A3B` */
function isRepositoryName(path: string): boolean {
  return /^[A-Za-z0-9][\w.-]*\/[\w.-]+$/.test(path);
}

/** Shows a path below the current directory as one would type it. */
export function asGiven(path: string): string {
  const below = relative('', path);
  return below === '' || below.startsWith('..') ? path : below;
}

/** How this program was called, for commands that the user may copy. */
export function ownCommand(env: NodeJS.ProcessEnv): string {
  if (env.npm_command === 'run-script' || env.npm_command === 'start') return 'npm run -s expertgrid --';
  return env.npm_command === 'exec' ? 'npx expertgrid' : 'expertgrid';
}

/** Quoted for a shell. */
export function quoted(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
