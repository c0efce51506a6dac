import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WholeEvents } from '../../../../gateway/api/peers/whole-events.ts';

const events = [
  ': keep-alive\n\n',
  'event: a\ndata: {"b":"\\ndata: é"}\n\n',
  'data: {}\n\n',
  'data: [DONE]\n\n',
];

test('events are passed on whole and are counted, whatever pieces their bytes arrive in', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...events), { maxLength: 8 }),
      fc.constantFrom('', 'data: {"ha', 'event: a\n'),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      (sent, half, sizes) => {
        const bytes = Buffer.from(sent.join('') + half);
        const whole = new WholeEvents();
        const out: string[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length]!;
          out.push(Buffer.from(whole.push(bytes.subarray(at, at + size))).toString());
          at += size;
          expect(out.join('')).toMatch(/^$|\n\n$/);
        }
        expect(out.join('')).toBe(sent.join(''));
        expect(whole.count).toBe(sent.filter((event) => event.includes('data: ')).length);
        expect(Buffer.from(whole.rest()).toString()).toBe(half);
      },
    ),
    { seed: 1 },
  );
});
