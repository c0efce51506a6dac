// Flags with environment twins, and the parsers of their values. Knows no verb.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { errorText } from '../../base/error-text.ts';

/** Where everything listens unless a flag says otherwise: this machine alone can connect. */
export const LOOPBACK = '127.0.0.1';
export const GATEWAY_PORT = 8080;

/** A flag with a twin in the environment: EXPERTGRID_KV_MEMORY for `--kv-memory <size>`. All verbs mean the same by a twin. */
export function flag(flags: string, description: string): Option {
  return new Option(flags, description).env(twinOf(flags));
}

const inputs = new WeakSet<Option>();

/** A flag that names a file to read: the file must exist before anything starts. */
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

/** The usual name of a flag's twin in the environment. */
export function twinOf(flags: string): string {
  const name = /--([\w-]+)/.exec(flags)?.[1];
  if (name === undefined) throw new Error(`no long flag in ${flags}`);
  return `EXPERTGRID_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** Parses a repeatable flag; its twin in the environment has one value per line. */
export function several(text: string, before: readonly string[] = []): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return [...before, ...lines.filter((line) => line !== '')];
}

/** The flags contradict each other or the model: the user must change the command line. */
export class UsageError extends Error {}

/** The result of `read`; an error that it throws is reported as an error of the command line. */
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
 * Removes switches that are turned off from `env`, because Commander takes any value for on. A value that is neither on nor off is
 * an error of the command line.
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

/** A whole number within bounds. */
export function integer({ min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number ${bounds}.`);
  };
}

/** Above 0, up to 1. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('It must be a number above 0 and at most 1.');
}

/** From 0 to 1. */
export function shareOrNone(text: string): number {
  return Number(text) === 0 && text.trim() !== '' ? 0 : share(text);
}

const UNITS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Bytes: `512m`, `2GiB`, `1073741824`. */
export function bytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  const unit = UNITS[match?.[2]?.toLowerCase() ?? ''];
  if (match === null || unit === undefined) {
    throw new InvalidArgumentError('It must be a size such as 512MiB or 2GiB.');
  }
  return Math.floor(Number(match[1]) * unit);
}

export const port = integer({ min: 0, max: 65_535 });
