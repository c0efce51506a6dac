// Reads the data of server-sent events from a stream of text.

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
 * Not every browser can iterate over a stream itself.
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
