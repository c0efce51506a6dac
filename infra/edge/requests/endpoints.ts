// The paths that the edge relays, and what it has to know about each of them. Pure.

/** The format of an endpoint's errors and error events. */
export type Format = 'choices' | 'messages' | 'responses';

/**
 * - `generate`: computes an answer from the body alone, in one piece or as a stream.
 * - `read`: changes nothing, so it may be repeated.
 * - `act`: is sent only once.
 */
export type Kind = 'generate' | 'read' | 'act';

export interface Endpoint {
  kind: Kind;
  format: Format;
  /** The decoded path without `/v1/` in front, such as `chat/completions`. */
  name: string;
  /** Tokens of an answer if the request does not say. Absent: the rest of the context. */
  defaultTokens?: number;
}

/** POST endpoints. Paths are without `/v1/` in front. */
const posts: Readonly<Record<string, Omit<Endpoint, 'name'>>> = {
  completions: { kind: 'generate', format: 'choices', defaultTokens: 16 },
  'chat/completions': { kind: 'generate', format: 'choices' },
  responses: { kind: 'generate', format: 'responses' },
  messages: { kind: 'generate', format: 'messages' },
  'responses/input_tokens': { kind: 'read', format: 'choices' },
  'messages/count_tokens': { kind: 'read', format: 'messages' },
  tokenize: { kind: 'read', format: 'choices' },
  detokenize: { kind: 'read', format: 'choices' },
};

/** First segments of the paths that gateways also answer without `/v1`. */
const bare: ReadonlySet<string> = new Set([
  'completions',
  'chat',
  'responses',
  'messages',
  'tokenize',
  'detokenize',
  'tokenizer_info',
  'models',
  'shards',
  'experts',
  'history',
  'version',
  'openapi.json',
]);

const harmless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The usage that one gateway remembers is for the edge itself. */
const own = /^usage(?:\/|$)/;

/** Undefined if the edge does not relay the path. */
export function endpointOf(method: string, path: string): Endpoint | undefined {
  const [, versioned, name = ''] = /^(\/v1)?\/(.*?)\/?$/.exec(path) ?? [];
  if (own.test(name)) return undefined;
  if (versioned === undefined && !bare.has(name.split('/')[0] ?? '')) return undefined;
  const known = Object.hasOwn(posts, name) ? posts[name] : undefined;
  if (method === 'POST' && known !== undefined) return { ...known, name };
  return { kind: harmless.has(method) ? 'read' : 'act', format: known?.format ?? 'choices', name };
}
