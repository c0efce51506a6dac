// Writes the body of an answer that is not streamed: a JSON text. A long text is made and sent in pieces.
import { jsonPieces } from './json-pieces.ts';
import type { Steps } from './slices.ts';

/** Smallest number of characters in each piece but the last. A shorter text is sent as a whole. */
const CHUNK = 64 * 1024;

interface JsonBodyOptions {
  /** Runs the steps in slices of time; see slices.ts. */
  run: <Result>(steps: Steps<Result>) => Promise<Result>;
  /** The body is cut off if the reader takes nothing for this time. */
  stallMs: number;
  /** Called once at the end of a stream, with the error that cut it off if there was one. Not called for a short text. */
  onEnd: (error: Error | undefined) => void;
}

/** Returns a short text at once, and a long text as a stream that makes each piece when it is read. For `value`, see jsonPieces. */
export async function jsonBody(
  value: unknown,
  { run, stallMs, onEnd }: JsonBodyOptions,
): Promise<string | ReadableStream<Uint8Array>> {
  const pieces = jsonPieces(value);
  const first = await run(chunkOf(pieces));
  if (first.length < CHUNK) return first;
  const encoder = new TextEncoder();
  let stall: NodeJS.Timeout | undefined;
  let over = false;
  const end = (error: Error | undefined) => {
    clearTimeout(stall);
    if (over) return;
    over = true;
    onEnd(error);
  };
  let next: string | undefined = first;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(stall);
        const chunk = next ?? (await run(chunkOf(pieces)));
        next = undefined;
        if (over) return;
        if (chunk === '') {
          controller.close();
          end(undefined);
          return;
        }
        controller.enqueue(encoder.encode(chunk));
        stall = setTimeout(() => {
          const error = new Error(`the reader took nothing for ${stallMs} ms`);
          end(error);
          controller.error(error);
        }, stallMs);
      },
      cancel() {
        end(new Error('the reader went away'));
      },
    },
    { highWaterMark: 0 },
  );
}

/** The next pieces, joined. An empty text after the last piece. */
function* chunkOf(pieces: Generator<string, void, void>): Steps<string> {
  let text = '';
  for (let piece = pieces.next(); piece.done !== true; piece = pieces.next()) {
    text += piece.value;
    if (text.length >= CHUNK) break;
    yield;
  }
  return text;
}
