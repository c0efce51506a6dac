// Decodes request bodies piece by piece, so that decoding can stop at a limit. zlib works on Node's own threads.

import { pipeline, type Transform } from 'node:stream';
import zlib from 'node:zlib';
import { errorText } from '../../../base/error-text.ts';
import { ApiError, badRequest } from '../errors.ts';

export type Pieces = AsyncIterable<Uint8Array>;

interface Decoder extends Transform {
  /** Number of encoded bytes that the decoder has read. */
  readonly bytesWritten: number;
}

/** zstd frames with a window of more than 8 MiB are refused, as in RFC 9659. A frame could otherwise demand 2 GiB of memory. */
const ZSTD_WINDOW_LOG = 23;

const decoders: Readonly<Record<string, () => Decoder>> = {
  gzip: () => zlib.createGunzip(),
  'x-gzip': () => zlib.createGunzip(),
  br: () => zlib.createBrotliDecompress(),
  deflate: () => zlib.createInflate(),
  // Node has zstd since version 22.15.
  ...(typeof zlib.createZstdDecompress === 'function' && {
    zstd: () =>
      zlib.createZstdDecompress({ params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
  }),
};

const ACCEPTED = Object.keys(decoders)
  .filter((name) => name !== 'x-gzip')
  .join(', ');

/** Largest number of encodings of one body. Each needs a decoder with its own memory. */
const MOST_LAYERS = 4;

/** Names of the encodings in the order in which the client applied them. Throws a 415 that names the first unknown encoding. */
export function encodingsOf(header: string | null): string[] {
  const names = (header ?? '').split(',').map((name) => name.trim().toLowerCase());
  const applied = names.filter((name) => name !== '' && name !== 'identity');
  const unknown = applied.find((name) => !Object.hasOwn(decoders, name));
  if (unknown !== undefined) {
    throw unsupported(`The content-encoding '${unknown.slice(0, 100)}' is not supported.`);
  }
  if (applied.length > MOST_LAYERS) {
    throw unsupported(`More than ${MOST_LAYERS} content-encodings on one body are not supported.`);
  }
  return applied;
}

/** Decodes one encoding that `encodingsOf` returned. Throws a 400 if the stream is broken. */
export async function* decoded(pieces: Pieces, encoding: string): AsyncGenerator<Uint8Array> {
  const decoder = decoders[encoding]?.();
  if (decoder === undefined) throw new Error(`no decoder for '${encoding}'`);
  let received = 0;
  async function* counted() {
    for await (const piece of pieces) {
      received += piece.length;
      yield piece;
    }
  }
  pipeline(counted(), decoder, () => {}); // `yield*` below throws the same error
  try {
    yield* decoder as AsyncIterable<Buffer>;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw broken(encoding, errorText(error));
  }
  if (decoder.bytesWritten < received) throw broken(encoding, 'bytes follow the end of the stream');
}

function broken(encoding: string, why: string): ApiError {
  const message = `The body of your request is not the ${encoding} stream that its content-encoding says: ${why}.`;
  return badRequest(message, { code: 'invalid_content_encoding' });
}

function unsupported(why: string): ApiError {
  const message = `${why} Supported encodings are: ${ACCEPTED}.`;
  const headers = { 'accept-encoding': ACCEPTED };
  return new ApiError({ status: 415, message, code: 'unsupported_content_encoding', headers });
}
