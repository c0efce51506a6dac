// Writes JSON values as a stream of server-sent events, no faster than the reader takes them.
import { ApiError, ClientGone, toApiError } from '../errors.ts';
import type { OverheadClock } from '../telemetry/overhead.ts';
import type { Stream } from './streams.ts';

/** How one API writes its stream. Each text here contains whole events, including the empty line after each event. */
export interface EventFormat<Value> {
  /** `json` is the JSON text of `value`. */
  event(value: Value, json: string): string;
  /** Whether the value is the last one. Absent if `ending` marks the end instead. */
  isLast?(value: Value): boolean;
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
 * only when the reader asks for it, so the text of a slow reader takes no memory. The engine does not wait for readers. If the reader
 * takes nothing for `stallMs`, the stream ends with a 408.
 */
export function eventStream<Value>(
  values: Stream<Value>,
  { format, write, stallMs, keepAliveMs, onEnd, onCut, clock }: EventStreamOptions<Value>,
): ReadableStream<Uint8Array> {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const silence = new Alarm(keepAliveMs, () => {
    // No second keep-alive event is queued while the reader has not taken the first.
    if ((controller.desiredSize ?? 0) >= 0) send(format.keepAlive);
    silence.set();
  });
  const stall = new Alarm(stallMs, () => fail(readerStalled(stallMs)));
  let uncut = () => {};
  let ended = false;

  function send(events: string): void {
    controller.enqueue(encoder.encode(events));
  }

  function close(lastEvents: string, error: ApiError | undefined): void {
    if (lastEvents !== '') send(lastEvents);
    controller.close();
    end(error);
  }

  function end(error: ApiError | undefined): void {
    silence.clear();
    stall.clear();
    uncut();
    if (ended) return;
    ended = true;
    onEnd(error);
  }

  async function pull(): Promise<void> {
    stall.unset();
    silence.set();
    clock.readerAsks();
    try {
      const { done, value } = await values.next();
      silence.unset();
      if (ended) return;
      if (done === true) return close(format.ending, undefined);
      const written = write(value);
      const json = typeof written === 'string' ? written : await written;
      if (ended) return;
      send(format.event(value, json));
      clock.readerIsGiven();
      stall.set();
    } catch (thrown) {
      if (ended) return;
      const error = toApiError(thrown);
      close(error instanceof ClientGone ? '' : format.failure(error), error);
    }
  }

  /** Ends the stream with an error, even while it waits for a value or for the reader. */
  function fail(error: ApiError): void {
    if (ended) return;
    close(format.failure(error), error);
    void values.return();
  }

  return new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
        uncut = onCut(fail);
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

function readerStalled(ms: number): ApiError {
  const message = `The stream was ended because its reader took nothing for ${ms} ms.`;
  return new ApiError({ status: 408, message, code: 'reader_stalled' });
}

/** A timer that is set for each value. Setting it again costs less than a new timer. */
class Alarm {
  readonly #ms: number;
  readonly #action: () => void;
  #isSet = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, action: () => void) {
    this.#ms = ms;
    this.#action = action;
  }

  /** `action` is called after `ms`, unless the alarm is set again or unset before. */
  set(): void {
    this.#isSet = true;
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#fire(), this.#ms);
    else this.#timer.refresh();
  }

  unset(): void {
    this.#isSet = false;
  }

  /** Must be called in the end. The alarm must not be set after that. */
  clear(): void {
    this.#isSet = false;
    clearTimeout(this.#timer);
  }

  #fire(): void {
    if (!this.#isSet) return;
    this.#isSet = false;
    this.#action();
  }
}
