import { expect, it } from 'vitest';
import { errorText, fetchErrorText } from '../../base/error-text.ts';

it('gives the message of an error, and anything else as a string', () => {
  expect([errorText(new Error('no')), errorText('no'), errorText(7)]).toEqual(['no', 'no', '7']);
});

it.each(['fetch failed', 'terminated'])('gives the cause of "%s", and no other error’s', (message) => {
  expect(fetchErrorText(new TypeError(message, { cause: new Error('refused') }))).toBe('refused');
  expect(fetchErrorText(new TypeError(message, { cause: new Error('') }))).toBe(message);
  expect(fetchErrorText(new Error('not JSON', { cause: new Error('refused') }))).toBe('not JSON');
  expect(fetchErrorText('no')).toBe('no');
});
