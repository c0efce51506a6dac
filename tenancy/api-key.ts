// What an API key looks like, and how a request carries it. Shared by gateway and edge, so it uses no API of Node or Workers.

/** First characters of every key, by which people and scanners of published code recognize it. */
export const KEY_PREFIX = 'eg-';

/** Names of keys are labels of metrics and arguments of commands. */
export const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** Largest weight of a key. */
export const MOST_WEIGHT = 1000;

/** Largest limit of a key. */
export const MOST_LIMIT = 2 ** 31 - 1;

/** Bytes of a key that are random. */
export const KEY_BYTES = 32;

/** Number of characters after `KEY_PREFIX` that may be shown, so that an owner recognizes the key. */
const SHOWN = 3;

export const missingKey =
  "You didn't provide an API key. Send yours as a bearer token: the header 'Authorization: Bearer YOUR_KEY'.";

/** OpenAI's clients send the key as a bearer token. Anthropic's clients send it as `x-api-key`. `header` returns a request's header. */
export function keyOfRequest(header: (name: string) => string | null | undefined): string | undefined {
  const bearer = /^bearer +(\S+) *$/i.exec(header('authorization') ?? '')?.[1];
  return bearer ?? header('x-api-key') ?? undefined;
}

/** The part of a key that may be shown. */
export function shownPart(key: string): string {
  return key.slice(0, KEY_PREFIX.length + SHOWN);
}

/** Quotes the beginning of a key of this server. Other text is not quoted, because it may be a secret of another service. */
export function wrongKey(given: string): string {
  const shown = shownPart(given);
  const veiled =
    given.startsWith(KEY_PREFIX) && given.length > 2 * shown.length
      ? `: ${shown}…`
      : `. Keys of this server begin with ${KEY_PREFIX}`;
  return `Incorrect API key provided${veiled}.`;
}
