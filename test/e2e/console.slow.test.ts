// The console in a real Chromium against `expertgrid up` on the embedded model: what an operator sees and does. Its
// pictures stay in a folder that the test names, for whoever wants to look.
import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Browser, type Page, startChromium } from '../support/chromium.ts';
import { type Gateway, startGateway, startUp } from './gateway.ts';

const pictures = mkdtempSync(join(tmpdir(), 'expertgrid-console-'));
const text = (id: string) => `document.getElementById('${id}').textContent`;
const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 360, height: 800 };

describe('the console', () => {
  let up: Gateway;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    [up, browser] = await Promise.all([startUp('nano'), startChromium()]);
    page = await browser.newPage();
    await page.view(WIDE);
    await page.open(`${up.url}/console`);
  });
  afterAll(() => browser.close());

  async function picture(name: string): Promise<void> {
    const file = join(pictures, `${name}.png`);
    await page.screenshot(file);
    expect(statSync(file).size).toBeGreaterThan(10_000);
  }

  it('says that the gateway is ready, and shows its model and every shard', async () => {
    await page.until(`${text('state')} === 'Ready'`);
    await page.until(`document.querySelectorAll('#shards tr').length === 4`);
    expect(await page.evaluate(text('model'))).toBe('nano');
    expect(await page.evaluate(text('shards-note'))).toBe('4 of 4 available');
    expect(await page.until(`${text('shards')}.includes('144 of 576')`)).toBe(true);
    expect(await page.evaluate(text('heat-readout'))).toContain('No rows yet');
  });

  it('streams a chat, token by token, and tells each token’s experts', async () => {
    await page.click('#prompt');
    await page.type('Tell me of the sea.');
    await page.evaluate(`document.getElementById('max-tokens').value = '40'`);
    await page.press('Enter');
    await page.until(`document.querySelectorAll('.token').length > 3`);
    await page.until(`${text('progress')}.includes('tokens')`);
    expect(await page.evaluate(`document.querySelector('.turn.prompt').textContent`)).toBe(
      'Tell me of the sea.',
    );
    const tokens = await page.evaluate<number>(`document.querySelectorAll('.token').length`);
    expect(tokens).toBeGreaterThan(3);

    await page.click('.token:nth-child(3)');
    expect(await page.evaluate(text('route-place'))).toMatch(/^token 3 of/);
    const routeOf = `[...document.querySelectorAll('#route-layers li')].map((each) => each.ariaLabel)`;
    const third = await page.evaluate<string[]>(routeOf);
    expect(third.map((label) => /^layer (\d), expert \d{1,2}$/.exec(label)?.[1])).toEqual([...'012345']);
    await page.point('.token:nth-child(2)', 0.5, 0.5);
    expect(await page.evaluate(text('route-place'))).toMatch(/^token 2 of/);
    await page.point('h1', 0.5, 0.5);
    expect(await page.evaluate(text('route-place'))).toMatch(/^token 3 of/);
    expect(await page.evaluate(routeOf)).toEqual(third);

    await page.evaluate(`document.getElementById('route-token').focus()`);
    await page.press('ArrowLeft');
    expect(await page.evaluate(`document.getElementById('route-token').ariaValueText`)).toContain(
      'token 2 of',
    );
  });

  it('names a cell of the heat map under the pointer and under the keys', async () => {
    await page.until(`${text('heat-readout')}.startsWith('Hottest is layer')`);
    await page.point('#heat', 0.99, 0.9);
    await page.until(`/^Layer 5, expert 9[45]: /.test(${text('heat-readout')})`);
    await page.evaluate(`document.getElementById('heat-keys').focus()`);
    for (const key of ['PageDown', 'Home', 'ArrowUp', 'ArrowRight', 'ArrowRight']) await page.press(key);
    await page.until(`/^Layer 4, expert 2: /.test(${text('heat-readout')})`);
    await page.press('Escape');
  });

  it('plots tokens a second, and the times to the first token and between tokens', async () => {
    for (const plot of ['tokens', 'first', 'next']) {
      const path = `document.querySelector('#plot-${plot} .line-0').getAttribute('d')`;
      expect([plot, await page.until<string>(path)]).toEqual([plot, expect.stringMatching(/^M/)]);
    }
    const summary = `document.querySelector('#plot-tokens svg').ariaLabel`;
    expect(await page.until(`/at most \\d/.test(${summary})`)).toBe(true);
  });

  it('stops a completion in its middle', async () => {
    await page.click('#mode label:nth-of-type(2)');
    await page.evaluate(`document.getElementById('max-tokens').value = '1500'`);
    await page.click('#prompt');
    await page.type('It was a fine morning, and');
    await page.press('Enter');
    await page.until(`document.querySelectorAll('.continued .token').length > 5`);
    await page.click('#stop');
    await page.until(`${text('progress')} === 'Stopped'`);
    const answer = await page.evaluate<string>(`document.querySelector('.continued').textContent`);
    expect(answer.startsWith('It was a fine morning, and')).toBe(true);
    await page.until(`${text('counts')}.includes('Sequences00 waiting')`);
  });

  it('is whole in light and dark, wide and narrow', async () => {
    const ground = `getComputedStyle(document.documentElement).backgroundColor`;
    const seen = new Set<string>();
    for (const scheme of ['light', 'dark'] as const) {
      for (const [name, size] of [
        ['wide', WIDE],
        ['narrow', NARROW],
      ] as const) {
        await page.view({ ...size, scheme });
        await page.until(`document.documentElement.clientWidth === ${size.width}`);
        expect(await page.evaluate(`document.documentElement.scrollWidth`)).toBe(size.width);
        await picture(`${name}-${scheme}`);
      }
      seen.add(await page.evaluate<string>(ground));
    }
    expect(seen.size).toBe(2);
    await page.view(WIDE);
  });

  it('asks for a key where the gateway wants one, keeps it in the tab, and sends it', async () => {
    const guarded = await browser.newPage();
    await guarded.view(WIDE);
    await guarded.open(`${up.url}/console`);
    await guarded.until(`${text('state')} === 'Ready'`);
    // The gateway has no keys yet: the page is given one that has.
    await guarded.evaluate(`{
      const given = fetch;
      globalThis.sent = [];
      globalThis.fetch = (url, init) => {
        const key = new Headers(init.headers).get('authorization');
        sent.push(key);
        if (key === 'Bearer right') return given(url, init);
        const error = { message: 'no key', type: 'invalid_request_error', param: null, code: 'invalid_api_key' };
        return Promise.resolve(Response.json({ error }, { status: 401 }));
      };
    }`);
    const asking = `document.getElementById('key-dialog').open`;
    await guarded.until(asking);
    await guarded.type('wrong');
    await guarded.press('Enter');
    await guarded.until(`!document.getElementById('key-wrong').hidden && ${asking}`);
    await guarded.screenshot(join(pictures, 'key.png'));
    await guarded.type('right');
    await guarded.press('Enter');
    await guarded.until(`!${asking} && ${text('state')} === 'Ready' && sent.at(-1) === 'Bearer right'`);
    expect(await guarded.evaluate(`sessionStorage.getItem('expertgrid.key')`)).toBe('right');
    expect(await guarded.evaluate(`localStorage.length`)).toBe(0);
  });

  it('looks at nothing while it is hidden, and at once when it is back', async () => {
    expect(await page.evaluate(`document.hidden`)).toBe(true);
    expect(await page.evaluate(text('age'))).toBe('Paused while hidden');
    const asked = page.urls.length;
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(page.urls.length).toBe(asked);
    await page.front();
    await page.until(`${text('age')} === ''`, 1_500);
    expect(page.urls.length).toBeGreaterThan(asked);
  });

  it('tells which experts are missing where a shard is, and when the gateway is gone', async () => {
    const shards = await (await fetch(`${up.url}/v1/shards`)).json();
    const { data } = shards as { data: { address: string }[] };
    const poorer = await startGateway(
      'nano',
      data.slice(1).map(({ address }) => address),
    );
    const partial = await browser.newPage();
    await partial.view(WIDE);
    await partial.open(`${poorer.url}/console`);
    await partial.until(`${text('state')} === 'Experts missing'`);
    expect(await partial.evaluate(text('missing'))).toContain('6 layers have experts that nobody serves');
    expect(await partial.evaluate(text('missing'))).toMatch(/layer 0: \d+-\d+/);
    await partial.screenshot(join(pictures, 'missing.png'));
    poorer.process.signal('SIGKILL');
    await partial.until(`${text('state')} === 'Out of reach'`);
  });

  it('asked nobody else for anything, and broke no rule of its own', () => {
    expect(page.urls.length).toBeGreaterThan(20);
    expect(page.urls.filter((url) => !url.startsWith(`${up.url}/`))).toEqual([]);
    const own = page.complaints.filter((each) => !each.startsWith('Failed to load resource'));
    expect(own).toEqual([]);
  });
});
