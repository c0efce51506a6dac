// Relays server-sent events so that a cut stream never looks whole. Knows how OpenAI's streams end, not what they say.
import { envelope } from './errors.ts';

const lost = envelope({
  message: 'The stream was cut before its end: the text so far is incomplete. Send the request again.',
  code: 'stream_cut',
});

/** A line that ends a stream: `[DONE]`, or an error told by the gateway. */
const ending = /^data: ?(\[DONE\]\s*$|\{\s*"error"\s*:\s*[{"])/;

/**
 * `source`, byte for byte, where it ends by `[DONE]` or an error. Where it just stops, an error event follows; where it
 * broke, the stream errors after that event, so that the connection does not end cleanly either.
 *
 * Lines pass as they come; a line still without its end is held back, since an error event after half a line
 * would be read as part of it. Nothing is read from `source` before the client takes what was.
 */
export function relayEvents(source: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  const events = endTold(reader);
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

async function* endTold(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: false });
  // The blank line before it closes an event whose lines are all there.
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
    // An error discards what the runtime has not written yet: without this turn workerd never sends the event.
    await new Promise((resolve) => setTimeout(resolve, 0));
    throw error;
  }
  if (!ended && !ending.test(held)) yield errorEvent;
  else if (held !== '') yield held;
}
