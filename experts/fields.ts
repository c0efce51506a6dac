// Reads the fields of a message by name and type. A field that is missing or wrong throws an RpcError with the code `invalid`.
import { errorText } from '../base/error-text.ts';
import { isPrintable, shown } from '../base/text.ts';
import { RpcError } from '../rpc/errors.ts';
import { isMap } from '../rpc/messages.ts';
import type { Params, Value } from '../rpc/transport.ts';

export function refuse(message: string): never {
  throw new RpcError('invalid', message);
}

/** Calls `act`. An error that it throws becomes an RpcError with the code `invalid` and the same text. */
export function orInvalid<T>(act: () => T): T {
  try {
    return act();
  } catch (cause) {
    throw new RpcError('invalid', errorText(cause), { cause });
  }
}

export function map(value: Value | undefined, what: string): Params {
  return isMap(value) ? value : refuse(`${what} must be a map`);
}

export function array(params: Params, name: string, most: number): Value[] {
  const value = params[name];
  if (!Array.isArray(value)) refuse(`${name} must be an array`);
  return value.length <= most ? value : refuse(`${name} has ${value.length} entries; ${most} are allowed`);
}

/** A name of at most `most` characters. Control characters such as line breaks are refused, because logs may contain the name. */
export function string(params: Params, name: string, most = 512): string {
  const value = text(params, name, most);
  return isPrintable(value) ? value : refuse(`${name} has control characters: ${shown(value)}`);
}

/** A string of at most `most` characters, which may include control characters. */
export function text(params: Params, name: string, most: number): string {
  const value = params[name];
  if (typeof value !== 'string' || value.length > most)
    refuse(`${name} must be a string of at most ${most} characters`);
  return value;
}

/** A finite number from `least` to `most`. */
export function number(params: Params, name: string, least: number, most: number): number {
  const value = params[name];
  if (typeof value === 'number' && value >= least && value <= most) return value; // NaN is refused
  return refuse(`${name} must be a number from ${least} to ${most}, not ${shown(value)}`);
}

export function integer(params: Params, name: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  const value = params[name];
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  return refuse(`${name} must be an integer from ${least} to ${most}, not ${shown(value)}`);
}

/** Whether `value` is an integer from 0 to `count - 1`. */
export function isIndex(value: Value | undefined, count: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < count;
}

export function binary(params: Params, name: string): Uint8Array {
  const value = params[name];
  return value instanceof Uint8Array ? value : refuse(`${name} must be binary`);
}
