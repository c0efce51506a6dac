// A stream of JSON values as server-sent events, pulled as fast as its reader takes them. Knows no endpoint.
import { ApiError, ClientGone, toApiError } from './errors.ts';

export interface EventStreamOptions {
  /** How long the reader may leave a written event untaken. */
  stallMs: number;
  /** While no value comes, a comment is sent this often: proxies cut what is silent. */
  keepAliveMs: number;
  /** Called once, with what ended the stream (undefined where it came to its end). Must wake `values` where it waits. */
  onEnd: (error: ApiError | undefined) => void;
}

const encoder = new TextEncoder();
const event = (data: string) => encoder.encode(`data: ${data}\n\n`);
const keepAlive = encoder.encode(': keep-alive\n\n');

/**
 * Each value is an event; `[DONE]` follows the last. A failure is one event with the error's envelope and then the end,
 * without `[DONE]`: the status line is long gone. Nothing is pulled from `values` before the reader wants it, so a slow
 * reader holds its own generation back and no memory; one that takes nothing for `stallMs` loses it.
 */
export function eventStream(
  values: AsyncGenerator<unknown, void, undefined>,
  { stallMs, keepAliveMs, onEnd }: EventStreamOptions,
): ReadableStream<Uint8Array> {
  let stall: NodeJS.Timeout | undefined;
  let ended = false;

  function end(error: ApiError | undefined): void {
    clearTimeout(stall);
    if (ended) return;
    ended = true;
    onEnd(error);
  }

  async function pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    clearTimeout(stall);
    // A comment that was not taken yet is enough.
    const silence = setInterval(() => {
      if (!ended && (controller.desiredSize ?? 0) >= 0) controller.enqueue(keepAlive);
    }, keepAliveMs);
    try {
      const { done, value } = await values.next().finally(() => clearInterval(silence));
      if (ended) return;
      if (done !== true) {
        controller.enqueue(event(JSON.stringify(value)));
        stall = setTimeout(() => stalled(controller), stallMs);
        return;
      }
      controller.enqueue(event('[DONE]'));
      controller.close();
      end(undefined);
    } catch (thrown) {
      if (ended) return;
      const error = toApiError(thrown);
      if (!(error instanceof ClientGone)) controller.enqueue(event(JSON.stringify(error.envelope)));
      controller.close();
      end(error);
    }
  }

  function stalled(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const message = `The stream was ended: its reader took nothing for ${stallMs} ms.`;
    const error = new ApiError({ status: 408, message, code: 'reader_stalled' });
    end(error);
    controller.enqueue(event(JSON.stringify(error.envelope)));
    controller.close();
    void values.return();
  }

  return new ReadableStream<Uint8Array>(
    {
      pull,
      cancel: async () => {
        end(new ClientGone());
        await values.return();
      },
    },
    // No read-ahead: a value is made when the reader asks for it.
    { highWaterMark: 0 },
  );
}
