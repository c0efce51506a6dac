// Declares flags, each with an environment variable, and parses their values.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { errorText } from '../../base/error-text.ts';

/** Default address to listen on: only processes on this machine can connect. */
export const LOOPBACK = '127.0.0.1';
export const GATEWAY_PORT = 8080;

/** A flag with an environment variable: EXPERTGRID_KV_MEMORY for `--kv-memory <size>`. A variable means the same for every verb. */
export function flag(flags: string, description: string): Option {
  return new Option(flags, description).env(variableOf(flags));
}

/** A flag without a value; off by default. */
export function switchFlag(flags: string, description: string): Option {
  return flag(flags, description).default(false);
}

const inputs = new WeakSet<Option>();

/** A flag that names a file to read; `requireInputs` checks the file before anything starts. */
export function inputFlag(flags: string, description: string): Option {
  return asInput(flag(flags, description));
}

export function asInput(option: Option): Option {
  inputs.add(option);
  return option;
}

export function isInput(option: Option): boolean {
  return inputs.has(option);
}

/** Adds flags under a heading of the help. */
export function addFlags(command: Command, heading: string, flags: readonly Option[]): Command {
  command.optionsGroup(heading);
  for (const each of flags) command.addOption(each);
  return command;
}

/** The usual name of a flag's environment variable. */
export function variableOf(flags: string): string {
  const name = /--([\w-]+)/.exec(flags)?.[1];
  if (name === undefined) throw new Error(`no long flag in ${flags}`);
  return `EXPERTGRID_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** Parses a repeatable flag. Its environment variable has one value per line. */
export function several(text: string, before: readonly string[] = []): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return [...before, ...lines.filter((line) => line !== '')];
}

/** An error of the command line: flags contradict each other or the model. */
export class UsageError extends Error {}

/** Returns what `read` returns. An error that `read` throws is reported as a wrong command line. */
export async function asUsage<T>(command: Command, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    return command.error(`error: ${errorText(error)}`);
  }
}

const ON = ['1', 'true', 'yes', 'on'];
const OFF = ['', '0', 'false', 'no', 'off'];

/**
 * Deletes from `env` the variables that turn a switch off, because Commander turns a switch on if its variable exists. A value that
 * means neither on nor off is reported as a wrong command line.
 */
export function readSwitches(command: Command, env: NodeJS.ProcessEnv): void {
  for (const { envVar, required, optional } of command.options) {
    const value = envVar === undefined ? undefined : env[envVar];
    if (envVar === undefined || value === undefined || required || optional) continue;
    const word = value.trim().toLowerCase();
    if (OFF.includes(word)) delete env[envVar];
    else if (!ON.includes(word)) {
      command.error(`error: ${envVar}=${value}: a switch is turned on by 1 and off by 0`);
    }
  }
  for (const verb of command.commands) readSwitches(verb, env);
}

/** Parses a whole number within bounds. */
export function integer({ min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number ${bounds}.`);
  };
}

/** Parses a whole number of at least 1, or several of them separated by commas. */
export function countOrCounts(text: string): number | number[] {
  const counts = commaSeparated(text).map(integer({ min: 1 }));
  return counts.length === 1 ? counts[0]! : counts;
}

/** Parses a number above 0 and up to 1. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('It must be a number above 0 and at most 1.');
}

/** Parses a number from 0 to 1. */
export function shareOrNone(text: string): number {
  return Number(text) === 0 && text.trim() !== '' ? 0 : share(text);
}

const UNIT_BYTES: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Parses a size such as `512m`, `2GiB` or `1073741824` to bytes. */
export function bytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  const unit = UNIT_BYTES[match?.[2]?.toLowerCase() ?? ''];
  if (match === null || unit === undefined) {
    throw new InvalidArgumentError('It must be a size such as 512MiB or 2GiB.');
  }
  return Math.floor(Number(match[1]) * unit);
}

/** Formats a size as `bytes` parses it: 1536 is `1.5KiB`. The result is at least `size`, unless `round` rounds down. */
export function formatBinary(size: number, round: (value: number) => number = Math.ceil): string {
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = size / 1024;
  while (value >= 1024 && units.length > 1) {
    value /= 1024;
    units.shift();
  }
  return `${round(value * 10) / 10}${units[0]}`;
}

export const port = integer({ max: 65_535 });

/** Parses `a, b` to `['a', 'b']`. */
export function commaSeparated(text: string): string[] {
  return text.split(',').map((item) => item.trim());
}
