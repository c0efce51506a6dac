// How the edge sends a request to a gateway. Each host (Node, Workers) has its own implementation.

export interface Asked {
  method: string;
  headers: Headers;
  /** Undefined: the request has no body. */
  body: Uint8Array<ArrayBuffer> | undefined;
  signal: AbortSignal;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: ReadableStream<Uint8Array> | null;
}

/** The gateway cannot have got the whole request, so it has not begun to work on it. */
export class NotSent extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/**
 * Does not follow redirects. Rejects if there is no answer, or if `signal` aborts the request; the body then fails too. A host that knows
 * that the request was not sent rejects with `NotSent`.
 */
export type Ask = (url: string, asked: Asked) => Promise<Answer>;

/** Whether the answer is a stream of server-sent events. */
export function isStream({ headers, status }: Answer): boolean {
  return status === 200 && (headers.get('content-type') ?? '').startsWith('text/event-stream');
}

/**
 * Reads a body to its end, but at most `most` bytes. Undefined if it is longer. `onLength` gets the length so far, and throws to stop
 * reading.
 */
export async function readWhole(
  body: ReadableStream<Uint8Array> | null,
  most: number,
  onLength?: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (body === null) return new Uint8Array();
  const { parts, rest } = await readUpTo(body, most, onLength);
  if (rest === undefined) return joined(parts);
  await rest.cancel();
  return undefined;
}

interface Beginning {
  parts: Uint8Array[];
  /** Reads what follows. Undefined if the body has ended. */
  rest: ReadableStreamDefaultReader<Uint8Array> | undefined;
}

/** Reads a body to its end, or until it has more than `most` bytes. */
export async function readUpTo(
  body: ReadableStream<Uint8Array>,
  most: number,
  onLength: (bytes: number) => void = () => {},
): Promise<Beginning> {
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader.read(); next.done !== true; next = await reader.read()) {
    parts.push(next.value);
    length += next.value.length;
    onLength(length);
    if (length > most) return { parts, rest: reader };
  }
  return { parts, rest: undefined };
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
