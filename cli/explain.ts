// What failed, in one line for the user. The system's errors about files become sentences that name the flag and the file, and
// say what to do. Knows no verb.
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Command, type Option } from 'commander';

/** What is wrong with the file, and what to do, by the system's code. */
const FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check the path',
  EACCES: 'this user may not use it; change its owner or its mode',
  EPERM: 'this user may not use it; change its owner or its mode',
  EISDIR: 'this is a directory; give a file',
  ENOTDIR: 'a part of this path is a file and not a directory; check the path',
  ENOSPC: 'the disk is full; free some space, or choose another disk',
  EDQUOT: "this user's share of the disk is full; free some space, or choose another disk",
  EROFS: 'its file system is mounted read-only; choose another path',
  ENAMETOOLONG: 'the name is too long; choose a shorter one',
  ELOOP: 'its links lead in a circle; give the file itself',
  EMFILE: 'this process has too many open files; raise the limit (ulimit -n)',
  ENFILE: 'this machine has too many open files; raise its limit',
  EEXIST: 'it is there already; delete it, or choose another path',
  EIO: 'its disk reports an error; look at the log of the system',
};

interface FileFault {
  code: string;
  path: string;
}

/** `by` is the flag that named the file, or the command whose flags may have done so. */
export function explain(error: unknown, by?: Command | string): string {
  const fault = fileFault(error);
  if (fault === undefined) return error instanceof Error ? error.message : String(error);
  return describeFault(fault, by instanceof Command ? namedBy(by, fault.path) : by);
}

/** The system's error about a file that `error` is, or repeats in its message; undefined if it says more than that. */
export function fileFault(error: unknown): FileFault | undefined {
  if (!(error instanceof Error)) return undefined;
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code, path } = at as NodeJS.ErrnoException;
    if (code === undefined || path === undefined || !Object.hasOwn(FAULTS, code)) continue;
    return error.message.includes(`${code}: `) ? { code, path } : undefined;
  }
  return undefined;
}

/** `flag` named the file, if it is known. */
export function describeFault({ code, path }: FileFault, flag?: string): string {
  const folder = dirname(resolve(path));
  const isFolderMissing = code === 'ENOENT' && !existsSync(folder);
  const problem = isFolderMissing
    ? `there is no directory ${folder}; check the path, or make it`
    : FAULTS[code];
  return `${flag === undefined ? '' : `${flag} `}${path}: ${problem}`;
}

/** The flag or argument that names `path`, or a directory above it. */
function namedBy(command: Command, path: string): string | undefined {
  const names = (value: unknown): boolean => {
    if (Array.isArray(value)) return value.some(names);
    if (typeof value !== 'string' || value === '') return false;
    const file = resolve(value.replace(/^[\w.-]+=/, ''));
    const wanted = resolve(path);
    return (
      wanted === file || wanted.startsWith(`${file}/`) || /^\.(lock|new)$/.test(wanted.slice(file.length))
    );
  };
  const option = command.options.find((each) => names(command.getOptionValue(each.attributeName())));
  if (option !== undefined) return nameOf(option, command);
  const index = command.args.findIndex(names);
  const argument = command.registeredArguments[index];
  return argument === undefined ? undefined : `<${argument.name()}>`;
}

/** As the user gave it: the flag, or its twin. */
export function nameOf(option: Option, command: Command): string {
  const fromEnvironment = command.getOptionValueSource(option.attributeName()) === 'env';
  return (fromEnvironment ? option.envVar : option.long) ?? option.flags;
}
