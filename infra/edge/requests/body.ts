// Reads the body of a client's request, and decodes it if the edge must know its fields.
import { readWhole } from '../ask.ts';
import type { EdgeError } from '../errors.ts';
import { type HeldBytes, memoryFull } from './body-memory.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What both Node and Workers can decode. */
const formats: Readonly<Record<string, 'gzip' | 'deflate'>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
};

class MemoryFull extends Error {}

/** Counts the bytes as they arrive, so that a client that sends slowly takes no memory that others could use. */
function counting(held: HeldBytes): (bytes: number) => void {
  return (bytes) => {
    if (!held.resize(bytes)) throw new MemoryFull();
  };
}

/** Only a POST has a body: no endpoint reads that of another method. An error if the body has more than `most` bytes. */
export async function readBody(
  request: Request,
  most: number,
  held: HeldBytes,
): Promise<Bytes | undefined | { error: EdgeError }> {
  if (request.method !== 'POST') return undefined;
  const stated = request.headers.get('content-length');
  if (stated !== null && Number(stated) > most) return { error: bodyTooLarge(most) };
  try {
    return (await readWhole(request.body, most, counting(held))) ?? { error: bodyTooLarge(most) };
  } catch (cause) {
    if (cause instanceof MemoryFull) return { error: memoryFull };
    throw cause;
  }
}

/** `encoding` is the header `content-encoding`. */
export async function decodedBody(
  body: Bytes,
  encoding: string | null,
  most: number,
  held: HeldBytes,
): Promise<Bytes | { error: EdgeError }> {
  const name = (encoding ?? '').trim().toLowerCase();
  if (name === '' || name === 'identity') return body;
  const format = formats[name];
  if (format === undefined) return { error: unknownEncoding(name) };
  try {
    const decoded = new Blob([body]).stream().pipeThrough(new DecompressionStream(format));
    return (await readWhole(decoded, most, counting(held))) ?? { error: bodyTooLarge(most) };
  } catch (cause) {
    if (cause instanceof MemoryFull) return { error: memoryFull };
    const message = `The body of your request is not the ${name} stream that its content-encoding says.`;
    return { error: { status: 400, message, code: 'invalid_content_encoding' } };
  }
}

function bodyTooLarge(most: number): EdgeError {
  return {
    status: 413,
    message: `The body of your request has more than ${most} bytes.`,
    code: 'body_too_large',
  };
}

function unknownEncoding(name: string): EdgeError {
  const accepted = 'gzip, deflate';
  return {
    status: 415,
    message: `The content-encoding '${name.slice(0, 100)}' is not supported. Supported encodings are: ${accepted}.`,
    code: 'unsupported_content_encoding',
    headers: { 'accept-encoding': accepted },
  };
}
