// Explains an error in one line for the user. The system's errors about files become sentences that name the flag and the file, and say
// what to do.

import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Command, type Option } from 'commander';
import { errorText } from '../../base/error-text.ts';

/** A directory was to be made where a file is. Not a code of the system. */
const FILE_FOR_DIRECTORY = 'a file for a directory';

/** What is wrong with the file and what to do, by the system's error code. */
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
  [FILE_FOR_DIRECTORY]: 'this is a file; give a directory',
  EIO: 'its disk reports an error; look at the log of the system',
};

interface FileFault {
  code: string;
  path: string;
}

/** `by` is the flag that named the file, or the command whose flags may have done so. */
export function explain(error: unknown, by?: Command | string): string {
  const fault = fileFault(error) ?? (by instanceof Command ? directoryFault(error, by) : undefined);
  if (fault === undefined) return errorText(error);
  if (!(by instanceof Command)) return describeFault(fault, by);
  const given = givenFiles(by).find(({ path }) => leadsTo(path, fault.path));
  if (given === undefined) return describeFault(fault);
  const isBeside = resolve(fault.path).startsWith(`${resolve(given.path)}.`);
  return describeFault({ ...fault, path: isBeside ? given.path : fault.path }, given.name);
}

/** The system's error about a file, if `error` is one or only repeats one in its message. */
export function fileFault(error: unknown): FileFault | undefined {
  if (!(error instanceof Error)) return undefined;
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code, path, syscall } = at as NodeJS.ErrnoException;
    if (code === undefined || path === undefined || !Object.hasOwn(FAULTS, code)) continue;
    if (!error.message.includes(`${code}: `)) return undefined;
    return { code: code === 'EEXIST' && syscall === 'mkdir' ? FILE_FOR_DIRECTORY : code, path };
  }
  return undefined;
}

/** `flag` is the flag that named the file, if that is known. */
export function describeFault({ code, path }: FileFault, flag?: string): string {
  const folder = dirname(resolve(path));
  const isFolderMissing = code === 'ENOENT' && !existsSync(folder);
  const problem = isFolderMissing
    ? `there is no directory ${folder}; check the path, or make it`
    : FAULTS[code];
  return `${flag === undefined ? '' : `${flag} `}${path}: ${problem}`;
}

interface GivenFile {
  /** The flag, its twin, or the argument. */
  name: string;
  path: string;
}

/** Every value of the command line, even if it is not a file. `NAME=FILE` counts as the file. */
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

/** Whether `path` is the given file, a file that we write beside it, or a file below it. */
function leadsTo(given: string, path: string): boolean {
  const [file, wanted] = [resolve(given), resolve(path)];
  return ['', '.lock', '.new'].some((end) => wanted === file + end) || wanted.startsWith(`${file}/`);
}

/** The system does not say which file is a directory; it must be the only directory among the given files. */
function directoryFault(error: unknown, command: Command): FileFault | undefined {
  if (!(error instanceof Error && error.message.startsWith('EISDIR: '))) return undefined;
  const isDirectory = ({ path }: GivenFile) =>
    statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const directories = givenFiles(command).filter(isDirectory);
  const [{ path } = { path: undefined }] = directories;
  return directories.length === 1 && path !== undefined ? { code: 'EISDIR', path } : undefined;
}

/** The flag, or the variable in the environment if the value comes from there. */
export function nameOf(option: Option, command: Command): string {
  const fromEnvironment = command.getOptionValueSource(option.attributeName()) === 'env';
  return (fromEnvironment ? option.envVar : option.long) ?? option.flags;
}
