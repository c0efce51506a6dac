import { expect, it } from 'vitest';
import { errorText, fetchErrorText } from '../../base/error-text.ts';

it('errorText gives the message of an error, and any other value as a string', () => {
  expect([errorText(new Error('no')), errorText('no'), errorText(7)]).toEqual(['no', 'no', '7']);
});

it.each(['fetch failed', 'terminated'])(
  'fetchErrorText gives the cause of "%s", and the message of any other error',
  (message) => {
    expect(fetchErrorText(new TypeError(message, { cause: new Error('refused') }))).toBe('refused');
    expect(fetchErrorText(new TypeError(message, { cause: new Error('') }))).toBe(message);
    expect(fetchErrorText(new Error('not JSON', { cause: new Error('refused') }))).toBe('not JSON');
    expect(fetchErrorText('no')).toBe('no');
  },
);
