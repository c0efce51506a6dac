// A stream of JSON values as server-sent events, pulled as fast as its reader takes them. Knows no endpoint.
import { ApiError, ClientGone, toApiError } from '../errors.ts';
import type { OverheadClock } from '../telemetry/overhead.ts';

/** How one API writes its stream: each method gives whole events, the empty line after each included. */
export interface EventFormat<Value> {
  /** `json` is the value's text. */
  event(value: Value, json: string): string;
  /** After the last value. */
  ending: string;
  /** While no value comes. */
  keepAlive: string;
  /** In the ending's place: what went wrong. */
  failure(error: ApiError): string;
}

/** As OpenAI's completions have it: events without a name, `[DONE]` after the last; a failure is its envelope. */
export const dataEvents: EventFormat<unknown> = {
  event: (_, json) => `data: ${json}\n\n`,
  ending: 'data: [DONE]\n\n',
  keepAlive: ': keep-alive\n\n',
  failure: (error) => `data: ${JSON.stringify(error.envelope)}\n\n`,
};

/** An event that is named by its own type, as OpenAI's Responses and Anthropic's Messages have them. */
export function namedEvent<Value extends { type: string }>(
  value: Value,
  json = JSON.stringify(value),
): string {
  return `event: ${value.type}\ndata: ${json}\n\n`;
}

export interface EventStreamOptions<Value> {
  /** Default: as completions are written. */
  format?: EventFormat<Value>;
  /** A value's JSON text. Default: what `JSON.stringify` gives, at once. */
  write?: (value: Value) => string | Promise<string>;
  /** How long the reader may leave a written event untaken. */
  stallMs: number;
  /** While no value comes, the format's keep-alive is sent this often: proxies cut what is silent. */
  keepAliveMs: number;
  /** Called once, with what ended the stream (undefined where it came to its end). Must wake `values` where it waits. */
  onEnd: (error: ApiError | undefined) => void;
  /** Has its argument called if the server ends the stream; returns what takes that back. */
  onCut?: (end: (error: ApiError) => void) => () => void;
  /** Stands while the reader takes. */
  clock?: Pick<OverheadClock, 'readerAsks' | 'readerIsGiven'>;
}

const encoder = new TextEncoder();

/**
 * Each value is an event; the format's ending follows the last. A failure is told as the format tells it, in the ending's
 * place: the status line is long gone. Nothing is pulled from `values` before the reader wants it, so a slow reader holds
 * its own generation back and no memory; one that takes nothing for `stallMs` loses it.
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
    // One that was not taken yet is enough.
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
    const message = `The stream was ended: its reader took nothing for ${stallMs} ms.`;
    fail(controller, new ApiError({ status: 408, message, code: 'reader_stalled' }));
  }

  /** Ends the stream whatever it waits for. */
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
    // No read-ahead: a value is made when the reader asks for it.
    { highWaterMark: 0 },
  );
}
