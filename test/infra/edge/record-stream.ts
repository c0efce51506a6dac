// A stream with the lines of a record, as a gateway writes it, for requests that begin or continue it.
import { createHash } from 'node:crypto';
import type { StreamRecord } from '../../../resume/record.ts';
import { writeLine } from '../../../resume/record.ts';
import { type Claims, RECORD_HEADER } from '../../../resume/signed-request.ts';

const TEXTS = ['Hel', 'lo', ' é', '😀', ' end'];

export const ENDING = 'data: [DONE]\n\n';

const sealOf = (head: string, events: number) =>
  createHash('sha256').update(`${head} ${events}`).digest('base64url');

const idsOf = (event: number) => (event === 3 ? '' : `${100 + event},${200 + event}`);

/** The event that the client gets. `answer` makes it depend on what the edge has drawn. */
function eventOf(event: number, answer: Claims['answer']): string {
  return `data: ${JSON.stringify({ id: `chatcmpl-${answer?.id}`, n: event, text: TEXTS[event] })}\n\n`;
}

/** The bytes that the client should get. */
export function wholeAnswer(answer: Claims['answer']): string {
  return TEXTS.map((_, event) => eventOf(event, answer)).join('') + ENDING;
}

/** The bytes of a gateway, from the event at which `record` stands. Throws if the record is not exactly that of this stream. */
export function gatewayStream(answer: Claims['answer'], record?: StreamRecord): string {
  const head = JSON.stringify({ v: 1, created: answer?.created });
  const begun = record?.choices['0']?.events ?? 0;
  if (record !== undefined) {
    const ids = TEXTS.slice(0, begun).flatMap((_, event) => idsOf(event) || []);
    const expected = { head, seal: sealOf(head, begun), ids: ids.join(',') };
    const { head: given, seal, choices } = record;
    const shown = { head: given, seal, ids: choices['0']?.ids ?? '' };
    if (JSON.stringify(shown) !== JSON.stringify(expected)) {
      throw new Error(`the record is ${JSON.stringify(shown)} instead of ${JSON.stringify(expected)}`);
    }
  }
  const events = TEXTS.map((_, event) => {
    const bytes = Buffer.byteLength(TEXTS.slice(0, event + 1).join(''));
    const seal = sealOf(head, event + 1);
    const counts = { events: event + 1, bytes, calls: 0, entries: 0, hops: '-' };
    return writeLine({ choice: 0, ...counts, ids: idsOf(event), seal }) + eventOf(event, answer);
  });
  return `:h ${head} ${sealOf(head, begun)}\n${events.slice(begun).join('')}${ENDING}`;
}

/** The record and the client's body in a request of the edge. */
export function splitBody(headers: Headers, body: Uint8Array): { record?: StreamRecord; own: string } {
  const length = Number(headers.get(RECORD_HEADER) ?? 0);
  const text = (bytes: Uint8Array) => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  const own = text(body.subarray(length));
  return length === 0 ? { own } : { own, record: JSON.parse(text(body.subarray(0, length))) };
}
