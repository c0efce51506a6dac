// Reads keys of a GGUF file's metadata with checked types, and knows which keys nobody has asked for.
import { InputError } from '../errors.ts';
import type { GgufValue } from './header.ts';
import type { GgufModel } from './read.ts';

/** If a value is wrong, a reader throws an InputError that names the file and the key. An absent key without a fallback is missing. */
export interface Metadata {
  has(key: string): boolean;
  /** The unchecked value. */
  raw(key: string): GgufValue | undefined;
  /** A whole number of at least 0. A list of equal numbers, one for each layer, counts as that number. */
  count(key: string, fallback?: number): number;
  /** A finite number. A float32 becomes the shortest decimal that rounds to it, so that 1e-5 is 0.00001 and not 0.00000999…. */
  number(key: string, fallback?: number): number;
  flag(key: string, fallback?: boolean): boolean;
  text(key: string, fallback?: string): string;
  texts(key: string): readonly string[];
  numbers(key: string): readonly number[];
  /** Throws an error that this key's value is wrong or not supported. */
  refuse(key: string, reason: string): never;
  /** Keys that begin with `prefix` and were not read. They may change the model, so that they must not be ignored. */
  unread(prefix: string): string[];
}

export function readMetadata({ metadata, path }: Pick<GgufModel, 'metadata' | 'path'>): Metadata {
  const asked = new Set<string>();
  const raw = (key: string): GgufValue | undefined => {
    asked.add(key);
    return metadata.get(key);
  };
  const refuse = (key: string, reason: string): never => {
    throw new InputError(`${path}: key ${key}: ${reason}`);
  };
  /** The value as `check` wants it; else the error says what it is not. */
  const typed = <T>(
    key: string,
    fallback: T | undefined,
    what: string,
    check: (value: GgufValue) => value is GgufValue & T,
  ): T => {
    const value = raw(key);
    if (value === undefined) return fallback ?? refuse(key, 'is missing');
    return check(value) ? value : refuse(key, `is ${show(value)}, not ${what}`);
  };
  return {
    raw,
    refuse,
    has: (key) => raw(key) !== undefined,
    count(key, fallback) {
      const value = raw(key);
      const single =
        Array.isArray(value) && value.length > 0 && value.every((each) => each === value[0])
          ? value[0]
          : value;
      if (single === undefined) return fallback ?? refuse(key, 'is missing');
      const isCount = typeof single === 'number' && Number.isInteger(single) && single >= 0;
      return isCount ? single : refuse(key, `is ${show(value)}, not one whole number for all layers`);
    },
    number: (key, fallback) => shortest(typed(key, fallback, 'a finite number', isNumber)),
    flag: (key, fallback) => typed(key, fallback, 'true or false', (value) => typeof value === 'boolean'),
    text: (key, fallback) => typed(key, fallback, 'a string', (value) => typeof value === 'string'),
    texts: (key) =>
      typed<readonly string[]>(key, undefined, 'a list of strings', (value) => isList(value, isText)),
    numbers: (key) =>
      typed<readonly number[]>(key, undefined, 'a list of numbers', (value) => isList(value, isNumber)),
    unread: (prefix) => [...metadata.keys()].filter((key) => key.startsWith(prefix) && !asked.has(key)),
  };
}

const isNumber = (value: GgufValue): value is number => typeof value === 'number' && Number.isFinite(value);

const isText = (value: GgufValue): value is string => typeof value === 'string';

function isList<T extends GgufValue>(
  value: GgufValue,
  check: (each: GgufValue) => each is T,
): value is readonly T[] {
  return Array.isArray(value) && value.every(check);
}

/** The decimal with the fewest digits that rounds to the same float32. Other numbers stay as they are. */
export function shortest(value: number): number {
  if (Math.fround(value) !== value || Number.isInteger(value)) return value;
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** A value as text of at most 60 characters. */
function show(value: GgufValue | undefined): string {
  const text =
    JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each)) ?? 'absent';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
