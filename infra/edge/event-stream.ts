// Relays server-sent events so that a client can distinguish a complete stream from one that was cut off.
import { envelope } from './errors.ts';

const lost = envelope({
  message: 'The stream was cut before its end: the text so far is incomplete. Send the request again.',
  code: 'stream_cut',
});

/** A line that ends a stream: `[DONE]`, or an error event of the gateway. */
const ending = /^data: ?(\[DONE\]\s*$|\{\s*"error"\s*:\s*[{"])/;

/**
 * Relays `source` byte for byte. If it stops without `[DONE]` or an error event, an error event is added. If reading it fails, the
 * relayed stream also fails after that event, so that the client's connection does not end cleanly.
 *
 * An incomplete line is held back, because an error event after half a line would be read as part of that line. `source` is read
 * only when the client reads.
 */
export function relayEvents(source: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  const events = withEnd(reader);
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await events.next();
        if (done === true) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

async function* withEnd(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: false });
  // The first newline ends an event whose lines are complete but whose blank line is missing.
  const errorEvent = `\ndata: ${JSON.stringify(lost)}\n\n`;
  let held = '';
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      held += decoder.decode(value, { stream: true });
      const whole = Math.max(held.lastIndexOf('\n'), held.lastIndexOf('\r')) + 1;
      if (whole === 0) continue;
      const lines = held.slice(0, whole);
      held = held.slice(whole);
      ended ||= lines.split(/[\r\n]/).some((line) => ending.test(line));
      yield lines;
    }
  } catch (error) {
    if (!ended) yield errorEvent;
    // An error discards data that the runtime (workerd) has not written yet, so the event must be written first.
    await new Promise((resolve) => setTimeout(resolve, 0));
    throw error;
  }
  if (!ended && !ending.test(held)) yield errorEvent;
  else if (held !== '') yield held;
}
