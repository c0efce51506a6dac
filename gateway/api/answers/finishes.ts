// Passes a stream of events on and reports the finish reason of each choice.

export async function* tellFinishes<Event extends { type: string; reason?: string }>(
  events: AsyncIterable<Event>,
  finished: (reason: string) => void,
): AsyncGenerator<Event, void, undefined> {
  for await (const event of events) {
    if (event.type === 'finish' && event.reason !== undefined) finished(event.reason);
    yield event;
  }
}
