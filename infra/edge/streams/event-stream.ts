// Relays server-sent events without a record, so that a client can distinguish a complete stream from one that was cut off.

import { type EdgeError, errorEvent } from '../errors.ts';
import type { Format } from '../requests/endpoints.ts';
import { isEnding } from './endings.ts';

const cut: EdgeError = {
  status: 502,
  message: 'The stream was cut before its end: the text so far is incomplete. Send the request again.',
  code: 'stream_cut',
};

interface RelayOptions {
  format?: Format;
  requestId?: string;
  /** Whether the relayed stream fails if reading `source` fails. Otherwise it ends after the error event. */
  fails?: boolean;
  /** Called when the source has ended, has failed, or is cancelled. */
  onEnd?: () => void;
}

/**
 * Relays `source` byte for byte. If it stops without an ending of `isEnding`, an error event is added. If reading it fails, the
 * relayed stream also fails after that event, so that the client's connection does not end cleanly.
 *
 * An incomplete line is held back, because an error event after half a line would be read as part of that line. `source` is read
 * only when the client reads.
 */
export function relayEvents(
  source: ReadableStream<Uint8Array>,
  { format = 'choices', requestId = '', fails = true, onEnd = () => {} }: RelayOptions = {},
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  // The first newline ends an event whose lines are complete but whose blank line is missing.
  const lost = (events: number) => `\n${errorEvent(format, cut, { requestId, events })}`;
  const events = withEnd(reader, { lost, fails });
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await events.next();
          if (done !== true) return controller.enqueue(encoder.encode(value));
          controller.close();
          onEnd();
        } catch (error) {
          onEnd();
          throw error;
        }
      },
      cancel(reason) {
        onEnd();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

interface EndOptions {
  /** The text that follows after this number of events. */
  lost: (events: number) => string;
  fails: boolean;
}

async function* withEnd(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { lost, fails }: EndOptions,
): AsyncGenerator<string, void> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: false });
  let held = '';
  let ended = false;
  let events = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      held += decoder.decode(value, { stream: true });
      const whole = Math.max(held.lastIndexOf('\n'), held.lastIndexOf('\r')) + 1;
      if (whole === 0) continue;
      const text = held.slice(0, whole);
      held = held.slice(whole);
      for (const line of text.split(/[\r\n]/)) {
        ended ||= isEnding(line);
        if (line.startsWith('data:')) events++;
      }
      yield text;
    }
  } catch (error) {
    if (!ended) yield lost(events);
    if (!fails) return;
    // An error discards data that the runtime (workerd) has not written yet, so the event must be written first.
    await new Promise((resolve) => setTimeout(resolve, 0));
    throw error;
  }
  if (!ended && !isEnding(held)) yield lost(events);
  else if (held !== '') yield held;
}
