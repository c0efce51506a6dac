// Parses aliases from flags and from a file, and checks that their models are served. Pure.
import { errorText } from '../../base/error-text.ts';
import type { Aliases, Weights } from '../../gateway/api/endpoints/aliases.ts';

export interface AliasContext {
  /** Ids of the models that are served. */
  models: readonly string[];
  /** Name of the flag or file, for errors. */
  from: string;
}

/** Parses texts such as `chat=nano:90,nano-v2:10`. A model without a weight has weight 1. */
export function parseAliasFlags(texts: readonly string[], context: AliasContext): Aliases {
  const aliases = new Map<string, Weights>();
  for (const text of texts) {
    const [, name, versions] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (name === undefined || versions === undefined) {
      throw new Error(`${context.from}: ${JSON.stringify(text)} is not NAME=MODEL:WEIGHT,MODEL:WEIGHT`);
    }
    if (aliases.has(name)) throw new Error(`${context.from}: the alias ${name} is given twice`);
    aliases.set(name, checked(name, versions.split(',').map(parseVersion), context));
  }
  return aliases;
}

/** Parses `{"chat": {"nano": 90, "nano-v2": 10}}`. */
export function parseAliasFile(text: string, context: AliasContext): Aliases {
  const entries = Object.entries(object(parsed(text, context), 'the file', context));
  return new Map(
    entries.map(([name, versions]) => {
      return [name, checked(name, Object.entries(object(versions, `"${name}"`, context)), context)];
    }),
  );
}

/** Joins the aliases of flags and file. Throws if both define the same name. */
export function mergeAliases(flags: Aliases, file: Aliases): Aliases {
  const twice = [...file.keys()].find((name) => flags.has(name));
  if (twice !== undefined) throw new Error(`the alias ${twice} is in --alias and in --aliases; keep one`);
  return new Map([...flags, ...file]);
}

/** Formats aliases for the log: `chat = nano 90, nano-v2 10`. */
export function formatAliases(aliases: Aliases): string {
  const one = ([name, weights]: [string, Weights]) =>
    `${name} = ${[...weights].map(([version, weight]) => `${version} ${weight}`).join(', ')}`;
  return [...aliases].map(one).join('; ') || 'none';
}

function parseVersion(text: string): [version: string, weight: number] {
  const at = text.lastIndexOf(':');
  return at < 0 ? [text, 1] : [text.slice(0, at), Number(text.slice(at + 1) || Number.NaN)];
}

function checked(
  name: string,
  versions: readonly (readonly [string, unknown])[],
  { models, from }: AliasContext,
): Weights {
  const wrong = (reason: string) => new Error(`${from}: the alias ${JSON.stringify(name)} ${reason}`);
  if (name.trim() !== name || name === '')
    throw wrong('is not a name: it is empty, or begins or ends with a space');
  if (models.includes(name)) throw wrong('has the name of a model that is served');
  const weights = new Map<string, number>();
  for (const [version, weight] of versions) {
    if (!models.includes(version)) {
      throw wrong(
        `names ${JSON.stringify(version)}, which is not served; the served models are ${models.join(', ')}`,
      );
    }
    if (typeof weight !== 'number' || !Number.isFinite(weight) || weight < 0) {
      throw wrong(`gives ${version} a weight that is not a number of at least 0`);
    }
    if (weights.has(version)) throw wrong(`names ${version} twice`);
    weights.set(version, weight);
  }
  if ([...weights.values()].every((weight) => weight === 0))
    throw wrong('has no version with a weight above 0');
  return weights;
}

function parsed(text: string, { from }: AliasContext): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${from}: ${errorText(cause)}`, { cause });
  }
}

function object(value: unknown, what: string, { from }: AliasContext): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new Error(`${from}: ${what} must be an object, such as {"chat": {"nano": 90, "nano-v2": 10}}`);
}
