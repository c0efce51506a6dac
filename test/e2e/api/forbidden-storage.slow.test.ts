// The console and the API's reference in a Chromium that forbids sites to store anything.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Browser, startChromium } from '../../support/chromium.ts';
import { type Gateway, startUp } from '../gateway.ts';

const BLOCK = 2;

let up: Gateway;
let browser: Browser;

beforeAll(async () => {
  const preferences = { profile: { default_content_setting_values: { cookies: BLOCK } } };
  [up, browser] = await Promise.all([startUp('nano'), startChromium(preferences)]);
});
afterAll(() => browser.close());

it('shows the console', async () => {
  const page = await browser.newPage();
  await page.open(`${up.url}/console`);
  await expect(page.evaluate('sessionStorage.length')).rejects.toThrow('denied');
  await page.until(`document.getElementById('state').textContent === 'Ready'`);
  expect(page.complaints).toEqual([]);
});

it('shows the reference', async () => {
  const page = await browser.newPage();
  await page.open(`${up.url}/docs`);
  await page.until(`document.querySelector('.opblock') !== null`);
});
