// The body of an answer that is not streamed: its JSON text, which is made and sent in pieces if it is long.
import { jsonPieces } from './json-pieces.ts';
import type { Steps } from './slices.ts';

/** Characters that are made before the body goes to its reader, and in each later piece. */
const CHUNK = 64 * 1024;

export interface JsonBodyOptions {
  /** Runs the steps in slices of time; see slices.ts. */
  run: <Result>(steps: Steps<Result>) => Promise<Result>;
  /** How long the reader may take nothing before the body is cut off. Milliseconds. */
  stallMs: number;
  /** Called once at the end of a stream, with the error that cut it off or `undefined`. Not called for a text. */
  onEnd: (error: Error | undefined) => void;
}

/** A text if it is short, otherwise a stream that makes pieces as its reader takes them. `value` is as for jsonPieces. */
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

/** The next pieces as one text. Empty after the last. */
function* chunkOf(pieces: Generator<string, void, void>): Steps<string> {
  let text = '';
  for (let piece = pieces.next(); piece.done !== true; piece = pieces.next()) {
    text += piece.value;
    if (text.length >= CHUNK) break;
    yield;
  }
  return text;
}
