// Reads the fields of a config.json with checked types.
import { InputError } from '../errors.ts';

/** The largest count that is accepted. Real models are far below it; larger numbers are errors or attacks. */
const LARGEST = 2 ** 24;

/** The fields of one object of a file. If a value is wrong, a reader throws an InputError that names the file and the field. */
export interface Fields {
  has(name: string): boolean;
  /** Whether the field is there and null, which means "none" where an absent field has a default. */
  isNull(name: string): boolean;
  /** The unchecked value; undefined if absent or null. */
  raw(name: string): unknown;
  /** A whole number of at least `least`, by default 1. */
  count(name: string, fallback?: number, least?: 0 | 1): number;
  /** A finite number above 0. */
  positive(name: string, fallback?: number): number;
  flag(name: string, fallback: boolean): boolean;
  text(name: string, fallback?: string): string;
  /** The fields of a nested object. */
  object(name: string): Fields;
  names(): string[];
  /** Throws an error that this field's value is wrong or not supported. */
  refuse(name: string, reason: string): never;
}

export function readFields(json: unknown, file: string, prefix = ''): Fields {
  const where = prefix === '' ? '' : ` field ${prefix.slice(0, -1)}:`;
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new InputError(`${file}:${where} is not a JSON object`);
  }
  const values = new Map<string, unknown>(Object.entries(json));
  const raw = (name: string): unknown => values.get(name) ?? undefined;
  const refuse = (name: string, reason: string): never => {
    throw new InputError(`${file}: field ${prefix}${name}: ${reason}`);
  };
  const number = (name: string, fallback: number | undefined): number => {
    const value = raw(name) ?? fallback ?? refuse(name, 'is missing');
    return typeof value === 'number' ? value : refuse(name, `is ${show(value)}, not a number`);
  };
  return {
    has: (name) => raw(name) !== undefined,
    isNull: (name) => values.get(name) === null,
    raw,
    refuse,
    names: () => [...values.keys()].filter((name) => raw(name) !== undefined),
    count(name, fallback, least = 1) {
      const value = number(name, fallback);
      if (Number.isInteger(value) && value >= least && value <= LARGEST) return value;
      return refuse(name, `is ${value}, not a whole number from ${least} to ${LARGEST}`);
    },
    positive(name, fallback) {
      const value = number(name, fallback);
      return value > 0 && Number.isFinite(value) ? value : refuse(name, `is ${value}, not a number above 0`);
    },
    flag(name, fallback) {
      const value = raw(name) ?? fallback;
      return typeof value === 'boolean' ? value : refuse(name, `is ${show(value)}, not true or false`);
    },
    text(name, fallback) {
      const value = raw(name) ?? fallback ?? refuse(name, 'is missing');
      return typeof value === 'string' ? value : refuse(name, `is ${show(value)}, not a string`);
    },
    object: (name) => readFields(raw(name), file, `${prefix}${name}.`),
  };
}

/** A value as JSON, of at most 60 characters. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
