// A whole answer's body: its JSON text, made and sent in pieces if it is long. Knows no endpoint.
import { jsonPieces } from './json-pieces.ts';
import type { Steps } from './slices.ts';

/** Characters that are made before the body is given to its reader, and at once after that. */
const CHUNK = 64 * 1024;

export interface JsonBodyOptions {
  /** Runs steps; see slices.ts. */
  run: <Result>(steps: Steps<Result>) => Promise<Result>;
  /** How long the reader may leave a chunk untaken before the body breaks off. Milliseconds. */
  stallMs: number;
  /** Called once when the body is over, with what broke it off or `undefined`. Not called for a text. */
  onEnd: (error: Error | undefined) => void;
}

/** `value` as jsonPieces takes it. A text if it is short; otherwise a stream that makes as much as its reader takes. */
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

/** The next pieces as one text; empty after the last. */
function* chunkOf(pieces: Generator<string, void, void>): Steps<string> {
  let text = '';
  for (let piece = pieces.next(); piece.done !== true; piece = pieces.next()) {
    text += piece.value;
    if (text.length >= CHUNK) break;
    yield;
  }
  return text;
}
