// Explains an error to the user in one line. An error of the operating system about a file becomes a sentence that names the flag and
// the file, and says what to do.
import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Command, type Option } from 'commander';
import { errorText } from '../../base/error-text.ts';

/** A code of our own: a directory cannot be made because a file has its path. */
const FILE_FOR_DIRECTORY = 'a file for a directory';

/** The problem and the remedy, by error code of the system. */
const FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check the path',
  EACCES: 'this user has no permission to use it; change its owner or its mode',
  EPERM: 'this user has no permission to use it; change its owner or its mode',
  EISDIR: 'this is a directory; give a file',
  ENOTDIR: 'a part of this path is a file and not a directory; check the path',
  ENOSPC: 'the disk is full; free some space, or choose another disk',
  EDQUOT: "this user's share of the disk is full; free some space, or choose another disk",
  EROFS: 'its file system is mounted read-only; choose another path',
  ENAMETOOLONG: 'the name is too long; choose a shorter one',
  ELOOP: 'its links lead in a circle; give the file itself',
  EMFILE: 'this process has too many open files; raise the limit (ulimit -n)',
  ENFILE: 'this machine has too many open files; raise its limit',
  EEXIST: 'it exists already; delete it, or choose another path',
  [FILE_FOR_DIRECTORY]: 'this is a file; give a directory',
  EIO: 'its disk reports an error; look at the log of the system',
};

interface FileFault {
  code: string;
  path: string;
}

/** `by`: the flag that gives the file of the error, or a command whose flags and arguments may give it. */
export function explain(error: unknown, by?: Command | string): string {
  const fault = fileFault(error) ?? (by instanceof Command ? directoryFault(error, by) : undefined);
  if (fault === undefined) return errorText(error);
  if (!(by instanceof Command)) return describeFault(fault, by);
  const given = givenFiles(by).find(({ path }) => leadsTo(path, fault.path));
  if (given === undefined) return describeFault(fault);
  const isBeside = resolve(fault.path).startsWith(`${resolve(given.path)}.`);
  return describeFault({ ...fault, path: isBeside ? given.path : fault.path }, given.name);
}

/** The system's error about a file among `error` and its causes. Undefined if the message of `error` does not repeat its code. */
function fileFault(error: unknown): FileFault | undefined {
  if (!(error instanceof Error)) return undefined;
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code, path, syscall } = at as NodeJS.ErrnoException;
    if (code === undefined || path === undefined || !Object.hasOwn(FAULTS, code)) continue;
    if (!error.message.includes(`${code}: `)) return undefined;
    return { code: code === 'EEXIST' && syscall === 'mkdir' ? FILE_FOR_DIRECTORY : code, path };
  }
  return undefined;
}

/** Describes the problem and the remedy. `flag`: the flag that gives the file, if it is known. */
export function describeFault({ code, path }: FileFault, flag?: string): string {
  const folder = dirname(resolve(path));
  const problem =
    code === 'ENOENT' && !existsSync(folder)
      ? `there is no directory ${folder}; check the path, or make it`
      : FAULTS[code];
  return `${flag === undefined ? '' : `${flag} `}${path}: ${problem}`;
}

interface GivenFile {
  /** Name of the flag, its environment variable or the argument. */
  name: string;
  path: string;
}

/** All values of the command line, even if they are not files. `NAME=FILE` counts as `FILE`. */
function givenFiles(command: Command): GivenFile[] {
  const found: GivenFile[] = [];
  const add = (name: string, value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) add(name, each);
    else if (typeof value === 'string' && value !== '') {
      found.push({ name, path: value.replace(/^[\w.-]+=/, '') });
    }
  };
  for (const option of command.options) {
    add(nameOf(option, command), command.getOptionValue(option.attributeName()));
  }
  for (const [index, argument] of command.registeredArguments.entries()) {
    add(`<${argument.name()}>`, command.args[index]);
  }
  return found;
}

/** True if `path` is the given file, a file that we write beside the given file, or a file below the given directory. */
function leadsTo(given: string, path: string): boolean {
  const [file, wanted] = [resolve(given), resolve(path)];
  return ['', '.lock', '.new'].some((end) => wanted === file + end) || wanted.startsWith(`${file}/`);
}

/** An EISDIR error has no path. If exactly one of the given files is a directory, the error is about that one. */
function directoryFault(error: unknown, command: Command): FileFault | undefined {
  if (!(error instanceof Error && error.message.startsWith('EISDIR: '))) return undefined;
  const [directory, ...more] = givenFiles(command).filter(({ path }) => {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  });
  return directory !== undefined && more.length === 0 ? { code: 'EISDIR', path: directory.path } : undefined;
}

/** Name of the flag, or of its environment variable if the value comes from there. */
export function nameOf(option: Option, command: Command): string {
  const fromEnvironment = command.getOptionValueSource(option.attributeName()) === 'env';
  return (fromEnvironment ? option.envVar : option.long) ?? option.flags;
}
