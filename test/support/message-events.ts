// Draws random messages of an assistant as events of the parser, for tests of the writers of answers.
import * as fc from 'fast-check';
import type { MessageEvent } from '../../gateway/api/answers/messages/message-events.ts';

/** Cuts a text at the given places, each modulo its length + 1. */
function pieces(text: string, cuts: readonly number[]): string[] {
  const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
  return [...places, text.length].map((end, i) => text.slice(i === 0 ? 0 : places[i - 1], end));
}

const cuts = fc.array(fc.nat(40), { maxLength: 4 });
const common = { index: 0, tokens: [] };

const texts = (type: 'reasoning' | 'content') =>
  fc.tuple(fc.string({ maxLength: 20 }), cuts).map(([text, at]): MessageEvent[] => {
    return pieces(text, at).map((piece) => ({ type, text: piece, ...common }));
  });

const calls = fc.array(
  fc.tuple(
    fc.stringMatching(/^[a-z]{1,8}$/),
    fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })),
    cuts,
  ),
  { maxLength: 3 },
);

/** The events of one choice: reasoning, content and calls, any of which may be absent, and the finish. */
export const messages: fc.Arbitrary<MessageEvent[]> = fc
  .tuple(
    fc.option(texts('reasoning'), { nil: [] }),
    fc.option(texts('content'), { nil: [] }),
    calls,
    fc.constantFrom('stop', 'length'),
    fc.nat(9),
  )
  .map(([reasoning, content, called, ended, completionTokens]): MessageEvent[] => {
    const ofCalls = called.flatMap(([name, args, at], call): MessageEvent[] => [
      { type: 'call', call, id: `call_${call}`, name, ...common },
      ...pieces(JSON.stringify(args), at).map((text): MessageEvent => {
        return { type: 'arguments', call, text, ...common };
      }),
    ]);
    const reason = ended === 'stop' && called.length > 0 ? 'tool_calls' : (ended as 'stop' | 'length');
    const usage = { promptTokens: 7, completionTokens, cachedTokens: 3 };
    return [...reasoning, ...content, ...ofCalls, { type: 'finish', index: 0, reason, usage }];
  });

/** The items as an async generator. */
export async function* flowing<Item>(items: readonly Item[]): AsyncGenerator<Item, void, undefined> {
  yield* items;
}

/** The text of all events of one kind, joined. */
export function textOf(events: readonly MessageEvent[], kind: 'reasoning' | 'content'): string {
  return events.map((event) => (event.type === kind ? event.text : '')).join('');
}

/** Name and parsed arguments of each call. */
export function callsOf(events: readonly MessageEvent[]): { name: string; args: unknown }[] {
  return events.flatMap((event) => {
    if (event.type !== 'call') return [];
    const own = events.filter((each) => each.type === 'arguments' && each.call === event.call);
    const text = own.map((each) => (each.type === 'arguments' ? each.text : '')).join('');
    return [{ name: event.name, args: JSON.parse(text) }];
  });
}
