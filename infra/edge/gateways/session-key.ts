// The key that decides which gateway is preferred for a request: requests with the same beginning should meet the same cache. Pure.

/** Number of characters of the prompt that decide. */
const KEY_LENGTH = 512;
/** Longer bodies are searched instead of parsed, because parsing megabytes would delay other requests. */
const LONGEST_PARSED = 64 * 1024;
/** Number of bytes at either end of a long body that are searched. */
const SEARCHED = 16 * 1024;

/** Undefined if neither the header nor the body has anything that decides. */
export function sessionKey(headers: Headers, body: Uint8Array): string | undefined {
  const session = headers.get('x-session-id');
  if (session !== null && session !== '') return session;
  return body.length <= LONGEST_PARSED ? parsedKey(body) : foundKey(body);
}

function parsedKey(body: Uint8Array): string | undefined {
  try {
    const fields: unknown = JSON.parse(new TextDecoder().decode(body));
    if (typeof fields !== 'object' || fields === null) return undefined;
    const { prompt_cache_key: key, prompt, messages, input } = fields as Record<string, unknown>;
    if (typeof key === 'string' && key !== '') return key;
    return beginning(JSON.stringify(prompt ?? messages ?? input) ?? '');
  } catch {
    return undefined; // malformed or too deep: the gateway will refuse the body
  }
}

/** Inside of JSON strings, quotation marks are escaped. So these patterns match only names of fields, although of any depth. */
const cacheKey = /"prompt_cache_key"\s*:\s*"((?:[^"\\]|\\.)+)"/;
const promptStart = /"(?:prompt|messages|input)"\s*:\s*/;

function foundKey(body: Uint8Array): string | undefined {
  const decoder = new TextDecoder();
  const start = decoder.decode(body.subarray(0, SEARCHED));
  const end = decoder.decode(body.subarray(body.length - SEARCHED));
  const [, key] = cacheKey.exec(start) ?? cacheKey.exec(end) ?? [];
  if (key !== undefined) return key;
  const prompt = promptStart.exec(start);
  if (prompt === null) return undefined;
  const from = prompt.index + prompt[0].length;
  return beginning(start.slice(from));
}

/** Without white space, because a long body is not parsed, and a growing conversation should keep its key. */
function beginning(json: string): string | undefined {
  return (
    json
      .slice(0, 2 * KEY_LENGTH)
      .replaceAll(/\s/g, '')
      .slice(0, KEY_LENGTH) || undefined
  );
}
