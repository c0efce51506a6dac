// Reads server-sent events from a stream of text and returns their data.

/**
 * @param {AsyncIterable<string>} pieces text, cut anywhere
 * @returns {AsyncGenerator<string, void, undefined>}
 */
export async function* eventData(pieces) {
  let held = '';
  for await (const piece of pieces) {
    const events = (held + piece).split('\n\n');
    held = events.pop() ?? '';
    for (const event of events) {
      // Lines that begin with a colon only keep the connection open.
      const data = event.split('\n').filter((line) => line.startsWith('data:'));
      if (data.length > 0) yield data.map((line) => line.slice(5).replace(/^ /, '')).join('\n');
    }
  }
}

/**
 * The text of a stream of bytes. Needed because not every browser can iterate over a stream.
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 * @returns {AsyncGenerator<string, void, undefined>}
 */
export async function* textOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}
