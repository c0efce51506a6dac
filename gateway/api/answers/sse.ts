// Writes JSON values as a stream of server-sent events, no faster than the reader takes them.
import { ApiError, ClientGone, toApiError } from '../errors.ts';
import type { OverheadClock } from '../telemetry/overhead.ts';

/** How one API writes its stream. Each text here contains whole events, including the empty line after each event. */
export interface EventFormat<Value> {
  /** `json` is the JSON text of `value`. */
  event(value: Value, json: string): string;
  /** Sent after the last value. */
  ending: string;
  /** Sent periodically while no value is ready. */
  keepAlive: string;
  /** Sent in place of `ending` if the stream fails. */
  failure(error: ApiError): string;
}

/** The format of OpenAI's completions: events without names, and `[DONE]` at the end. A failure is an error envelope. */
export const dataEvents: EventFormat<unknown> = {
  event: (_, json) => `data: ${json}\n\n`,
  ending: 'data: [DONE]\n\n',
  keepAlive: ': keep-alive\n\n',
  failure: (error) => `data: ${JSON.stringify(error.envelope)}\n\n`,
};

/** An event whose name is the value's `type`, as in OpenAI's Responses and Anthropic's Messages. */
export function namedEvent<Value extends { type: string }>(
  value: Value,
  json = JSON.stringify(value),
): string {
  return `event: ${value.type}\ndata: ${json}\n\n`;
}

interface EventStreamOptions<Value> {
  format: EventFormat<Value>;
  /** Makes a value's JSON text. */
  write: (value: Value) => string | Promise<string>;
  /** Time without a read after which the reader counts as stalled. */
  stallMs: number;
  /** Interval of keep-alive events while no value is ready, because proxies close silent connections. */
  keepAliveMs: number;
  /** Called once, with the error that ended the stream if there is one. Must make a pending `values.next()` return. */
  onEnd: (error: ApiError | undefined) => void;
  /** Registers a function that the server calls to end the stream. Returns a function that unregisters it. */
  onCut: (end: (error: ApiError) => void) => () => void;
  /** Measures how long gateway/api works. The stream stops this clock while it waits for its reader. */
  clock: Pick<OverheadClock, 'readerAsks' | 'readerIsGiven'>;
}

const encoder = new TextEncoder();

/**
 * Sends each value as one event. A failure is sent as an event too, because the status line has already been sent. A value is pulled
 * only when the reader asks for it, so a slow reader slows its own generation down and costs no memory. If the reader takes nothing
 * for `stallMs`, the stream ends with a 408.
 */
export function eventStream<Value>(
  values: AsyncGenerator<Value, void, undefined>,
  { format, write, stallMs, keepAliveMs, onEnd, onCut, clock }: EventStreamOptions<Value>,
): ReadableStream<Uint8Array> {
  let stall: NodeJS.Timeout | undefined;
  let uncut = () => {};
  let ended = false;

  function end(error: ApiError | undefined): void {
    clearTimeout(stall);
    uncut();
    if (ended) return;
    ended = true;
    onEnd(error);
  }

  async function pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    clearTimeout(stall);
    clock.readerAsks();
    // No second keep-alive event is queued while the reader has not taken the first.
    const silence = setInterval(() => {
      if (!ended && (controller.desiredSize ?? 0) >= 0) controller.enqueue(encoder.encode(format.keepAlive));
    }, keepAliveMs);
    try {
      const { done, value } = await values.next().finally(() => clearInterval(silence));
      if (ended) return;
      if (done !== true) {
        const written = write(value);
        const json = typeof written === 'string' ? written : await written;
        if (ended) return;
        controller.enqueue(encoder.encode(format.event(value, json)));
        clock.readerIsGiven();
        stall = setTimeout(() => stalled(controller), stallMs);
        return;
      }
      if (format.ending !== '') controller.enqueue(encoder.encode(format.ending));
      controller.close();
      end(undefined);
    } catch (thrown) {
      if (ended) return;
      const error = toApiError(thrown);
      if (!(error instanceof ClientGone)) controller.enqueue(encoder.encode(format.failure(error)));
      controller.close();
      end(error);
    }
  }

  function stalled(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const message = `The stream was ended because its reader took nothing for ${stallMs} ms.`;
    fail(controller, new ApiError({ status: 408, message, code: 'reader_stalled' }));
  }

  /** Ends the stream with an error, even while it waits for a value or for the reader. */
  function fail(controller: ReadableStreamDefaultController<Uint8Array>, error: ApiError): void {
    if (ended) return;
    end(error);
    controller.enqueue(encoder.encode(format.failure(error)));
    controller.close();
    void values.return();
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        uncut = onCut((error) => fail(controller, error));
      },
      pull,
      cancel: async () => {
        end(new ClientGone());
        await values.return();
      },
    },
    // Disables read-ahead, so that a value is pulled only when the reader asks for it.
    { highWaterMark: 0 },
  );
}
