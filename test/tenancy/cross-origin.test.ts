import { expect, it } from 'vitest';
import { pageOrigin } from '../../tenancy/cross-origin.ts';

it.each([
  ['https://app.example.com', 'https://app.example.com'],
  ['https://app.example.com/', 'https://app.example.com'],
  ['http://localhost:3000', 'http://localhost:3000'],
  ['https://app.example.com:443', undefined],
  ['https://app.example.com/path', undefined],
  ['https://APP.example.com', undefined],
  ['https://user@app.example.com', undefined],
  ['app.example.com', undefined],
  ['file:///index.html', undefined],
  ['*', undefined],
  ['', undefined],
])('the origin of %j is %j', (text, origin) => {
  expect(pageOrigin(text)).toBe(origin);
});
