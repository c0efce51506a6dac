// A stream of JSON values as server-sent events, made as fast as the reader takes them.
import { ApiError, ClientGone, toApiError } from '../errors.ts';
import type { OverheadClock } from '../telemetry/overhead.ts';

/** How one API writes its stream. Every text contains whole events, including the empty line after each. */
export interface EventFormat<Value> {
  /** `json` is the value's text. */
  event(value: Value, json: string): string;
  /** Follows the last value. */
  ending: string;
  /** Sent while no value comes. */
  keepAlive: string;
  /** Replaces the ending if the stream fails. */
  failure(error: ApiError): string;
}

/** The format of OpenAI's completions: events without a name, and `[DONE]` after the last. A failure is an error envelope. */
export const dataEvents: EventFormat<unknown> = {
  event: (_, json) => `data: ${json}\n\n`,
  ending: 'data: [DONE]\n\n',
  keepAlive: ': keep-alive\n\n',
  failure: (error) => `data: ${JSON.stringify(error.envelope)}\n\n`,
};

/** An event that is named by its type, as in OpenAI's Responses and Anthropic's Messages. */
export function namedEvent<Value extends { type: string }>(
  value: Value,
  json = JSON.stringify(value),
): string {
  return `event: ${value.type}\ndata: ${json}\n\n`;
}

export interface EventStreamOptions<Value> {
  /** Default: the format of completions. */
  format?: EventFormat<Value>;
  /** Makes a value's JSON text. Default: `JSON.stringify`. */
  write?: (value: Value) => string | Promise<string>;
  /** How long the reader may take nothing. */
  stallMs: number;
  /** Interval of keep-alive events while no value comes, because proxies cut silent connections. */
  keepAliveMs: number;
  /** Called once with the error that ended the stream, or undefined. Must wake `values` if it waits. */
  onEnd: (error: ApiError | undefined) => void;
  /** Registers a function that the server calls to end the stream. Returns a function that unregisters it. */
  onCut?: (end: (error: ApiError) => void) => () => void;
  /** Is stopped while the stream waits for its reader. */
  clock?: Pick<OverheadClock, 'readerAsks' | 'readerIsGiven'>;
}

const encoder = new TextEncoder();

/**
 * Each value is an event, and the format's ending follows the last. A failure replaces the ending, because the status line has
 * already been sent. Values are pulled only when the reader wants one, so that a slow reader slows its own generation down and
 * costs no memory. A reader that takes nothing for `stallMs` loses its generation.
 */
export function eventStream<Value>(
  values: AsyncGenerator<Value, void, undefined>,
  {
    format = dataEvents,
    write = JSON.stringify,
    stallMs,
    keepAliveMs,
    onEnd,
    onCut,
    clock,
  }: EventStreamOptions<Value>,
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
    clock?.readerAsks();
    // One event that was not taken yet is enough.
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
        clock?.readerIsGiven();
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

  /** Ends the stream with an error, whatever it waits for. */
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
        uncut = onCut?.((error) => fail(controller, error)) ?? uncut;
      },
      pull,
      cancel: async () => {
        end(new ClientGone());
        await values.return();
      },
    },
    // No read-ahead, so that a value is made only when the reader asks for it.
    { highWaterMark: 0 },
  );
}
