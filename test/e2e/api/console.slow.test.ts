// The console in a real Chromium against `expertgrid up` on the embedded model: what an operator sees and does. The screenshots stay in
// a folder whose name the test prints.
import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Browser, type Page, startChromium } from '../../support/chromium.ts';
import { nanoConfig } from '../../support/models/nano.ts';
import { type Gateway, startGateway, startUp } from '../gateway.ts';

const { layers, experts, context } = await nanoConfig();
const units = layers * experts;
const pictures = mkdtempSync(join(tmpdir(), 'expertgrid-console-'));
const text = (id: string) => `document.getElementById('${id}').textContent`;
const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };

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
    expect(await page.until(`${text('shards')}.includes('${units / 4} of ${units} units')`)).toBe(true);
    expect(await page.evaluate(text('shards'))).toMatch(/0-23.*24-47.*48-71.*72-95/);
    expect(await page.evaluate(text('facts'))).toMatch(
      new RegExp(
        `^[\\d.]+M parameters, [\\d.]+M active · ${layers} layers · 96 experts, 1 a token · 8 bits · context ${context.toLocaleString('en')}$`,
      ),
    );
    await page.until(`/^Uptime\\d+ s/.test(${text('counts')}) && !${text('counts')}.includes('–')`);
    const links = `[...document.querySelectorAll('.top nav a')].map((each) => each.getAttribute('href'))`;
    expect(await page.evaluate(links)).toEqual(['docs', 'metrics']);
    expect(await page.evaluate(text('heat-readout'))).toContain('No rows yet');
  });

  it('streams a chat token by token, and shows the experts of each token', async () => {
    await page.click('#prompt');
    await page.type('Tell me of the sea.');
    await page.evaluate(`document.getElementById('max-tokens').value = '40'`);
    await page.press('Enter');
    await page.until(`document.querySelectorAll('.token').length > 3`);
    await page.until(`${text('progress')}.includes('tokens')`);
    expect(await page.evaluate(`document.querySelector('.turn.prompt').textContent`)).toBe(
      'You: Tell me of the sea.',
    );
    expect(await page.evaluate(`document.querySelector('.usage').textContent`)).toMatch(
      /^\d+ prompt tokens.* · \d+ generated · .*first after .* · seed \d+/,
    );
    const tokens = await page.evaluate<number>(`document.querySelectorAll('.token').length`);
    expect(tokens).toBeGreaterThan(3);

    await page.click('[data-piece="2"]');
    expect(await page.evaluate(text('route-place'))).toMatch(/^token 3 of/);
    const routeOf = `[...document.querySelectorAll('#route-layers li')].map((each) => each.ariaLabel)`;
    const third = await page.evaluate<string[]>(routeOf);
    expect(third.map((label) => /^layer (\d), expert \d{1,2}$/.exec(label)?.[1])).toEqual(
      Array.from({ length: layers }, (_, layer) => `${layer}`),
    );
    await page.point('[data-piece="1"]', 0.5, 0.5);
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

  it('names the cell of the heat map that the pointer or the arrow keys select', async () => {
    await page.until(`${text('heat-readout')}.startsWith('Hottest is layer')`);
    await page.point('#heat', 0.99, 0.95);
    await page.until(`/^Layer ${layers - 1}, expert 9[45]: /.test(${text('heat-readout')})`);
    await page.evaluate(`document.getElementById('heat-keys').focus()`);
    for (const key of ['PageDown', 'Home', 'ArrowUp', 'ArrowRight', 'ArrowRight']) await page.press(key);
    await page.until(`/^Layer ${layers - 2}, expert 2: /.test(${text('heat-readout')})`);
    await page.press('Escape');
  });

  it('regenerates the last answer, and keeps the conversation for the next visit', async () => {
    const answers = `document.querySelectorAll('.turn.answer').length`;
    await page.evaluate(`document.getElementById('seed').value = '7'`);
    for (let i = 0; i < 2; i++) {
      await page.evaluate(`document.querySelector('.usage')?.setAttribute('data-before', '')`);
      await page.click('.retry:not([hidden])');
      await page.until(
        `document.querySelector('.usage:not([data-before])')?.textContent.includes('seed 7') === true`,
      );
      await page.until(`${answers} === 1 && ${text('progress')}.startsWith('Finished')`);
    }
    const said = await page.evaluate<string>(`document.querySelector('.answer-text').textContent`);
    const again = await browser.newPage();
    await again.view(WIDE);
    await again.open(`${up.url}/console`);
    await again.until(`${text('state')} === 'Ready'`);
    await again.click('#saved');
    await again.screenshot(join(pictures, 'saved.png'));
    expect(await again.evaluate(text('saved-list'))).toMatch(/^Tell me of the sea\..*1 prompt/);
    await again.click('.saved-open');
    await again.until(`document.querySelector('.answer-text')?.textContent.trim().length > 0`);
    expect(await again.evaluate(`document.querySelector('.answer-text').textContent`)).toBe(said);
    await again.click('#saved');
    await again.click('#saved-clear');
    expect(await again.evaluate(text('saved-list'))).toBe('');
    await page.front();
  });

  it('sends system prompt, top p, seed and stop strings', async () => {
    await page.evaluate(`{
      const given = fetch;
      globalThis.bodies = [];
      globalThis.fetch = (url, init) => {
        if (init?.body) bodies.push(JSON.parse(init.body));
        return given(url, init);
      };
      for (const [id, value] of Object.entries({ system: 'Be brief.', 'top-p': '0.9', seed: '5', stops: 'a b\\nQ' }))
        document.getElementById(id).value = value;
    }`);
    await page.click('#new');
    await page.type('Hello.');
    await page.press('Enter');
    await page.until(`${text('progress')}.startsWith('Finished')`);
    const [body] = await page.evaluate<{ messages: object[] }[]>('bodies');
    expect(body).toMatchObject({ top_p: 0.9, seed: 5, stop: ['a b', 'Q'], stream: true });
    expect(body?.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hello.' },
    ]);
    await page.evaluate(
      `for (const id of ['system', 'top-p', 'seed', 'stops']) document.getElementById(id).value = ''`,
    );
  });

  it('renders Markdown, but no HTML elements in the text', async () => {
    const source =
      '# Head\n\n- **bold** `code`\n\n<img src=x onerror=alert(1)> [x](javascript:alert(1))\n\n```\n<b>\n```';
    await page.evaluate(`import('../console/markdown/view.js').then(({ MarkdownView }) => {
      const box = document.createElement('div');
      box.id = 'drawn';
      new MarkdownView(box, (parent, text) => parent.append(text)).draw(${JSON.stringify(source)});
      document.body.append(box);
    })`);
    expect(await page.evaluate(`document.getElementById('drawn').innerHTML`)).toBe(
      '<div role="heading" aria-level="3" class="h1">Head</div><ul><li><strong>bold</strong> <code>code</code></li></ul>' +
        '<p>&lt;img src=x onerror=alert(1)&gt; [x](javascript:alert(1))</p><pre tabindex="0"><code>&lt;b&gt;</code></pre>',
    );
    await page.evaluate(`document.getElementById('drawn').remove()`);
  });

  it('plots the history of the gateway from before the page was opened', async () => {
    const late = await browser.newPage();
    await late.view(WIDE);
    await late.open(`${up.url}/console`);
    for (const plot of ['requests', 'tokens', 'first', 'next', 'sequences', 'memory']) {
      const path = `document.querySelector('#plot-${plot} .line-0').getAttribute('d')`;
      expect([plot, await late.until<string>(path)]).toEqual([plot, expect.stringMatching(/^M/)]);
    }
    const summary = `document.querySelector('#plot-tokens svg').ariaLabel`;
    expect(await late.until(`/at most \\d+.* in the last ten minutes/.test(${summary})`)).toBe(true);
    await late.click('#range label:nth-of-type(2)');
    expect(await late.evaluate(`document.querySelector('#plot-tokens .times').textContent`)).toBe(
      '24 h ago12now',
    );
    await page.front();
  });

  it('stops a completion that is in progress', async () => {
    await page.click('#mode label:nth-of-type(2)');
    await page.evaluate(`document.getElementById('max-tokens').value = '1500'`);
    await page.click('#new');
    await page.type('It was a fine morning, and');
    await page.press('Enter');
    await page.until(`document.querySelectorAll('.continued .token').length > 5`);
    await page.click('#stop');
    await page.until(`${text('progress')} === 'Stopped'`);
    const answer = await page.evaluate<string>(
      `document.querySelector('.continued .answer-text').textContent`,
    );
    expect(answer.startsWith('It was a fine morning, and')).toBe(true);
    await page.until(`document.querySelector('#plot-sequences .amount').textContent === '0'`);
    expect(await page.evaluate(`document.querySelector('.continued .usage').textContent`)).toContain(
      'not finished',
    );
  });

  it('fits the window in light and dark, wide and narrow', async () => {
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

  it('stacks the playground and the heat map without gaps on a phone', async () => {
    await page.view(NARROW);
    await page.until(`document.documentElement.clientWidth === ${NARROW.width}`);
    const box = (selector: string) =>
      page.evaluate<{ top: number; bottom: number }>(`(() => {
        const { top, bottom } = document.querySelector('${selector}').getBoundingClientRect();
        return { top: top + scrollY, bottom: bottom + scrollY };
      })()`);
    const [playground, heat] = [await box('#playground'), await box('.heat-card')];
    expect(playground.top).toBeLessThan(350);
    expect(heat.top - playground.bottom).toBeLessThan(24);
    const route = await box('#route');
    expect((await box('#heat')).bottom - route.top).toBeLessThan(NARROW.height);
    await page.view(WIDE);
  });

  it('remembers the chosen theme, whatever the theme of the system', async () => {
    const theme = `document.documentElement.dataset.theme`;
    const choose = (choice: string) =>
      page.evaluate(`{
        const select = document.getElementById('theme');
        select.value = '${choice}';
        select.dispatchEvent(new Event('change'));
      }`);
    await choose('dark');
    expect(await page.evaluate(theme)).toBe('dark');
    await page.open(`${up.url}/console`);
    expect(await page.evaluate(theme)).toBe('dark');
    await page.open(`${up.url}/docs`);
    expect(await page.evaluate(theme)).toBe('dark');
    await page.open(`${up.url}/console`);
    await choose('auto');
    expect(await page.evaluate(theme)).toBe('light');
    await page.until(`${text('state')} === 'Ready'`);
  });

  it('asks for a key if the gateway needs one, keeps it in the tab, and sends it', async () => {
    const guarded = await browser.newPage();
    await guarded.view(WIDE);
    await guarded.open(`${up.url}/console`);
    await guarded.until(`${text('state')} === 'Ready'`);
    // This gateway has no keys. So the test replaces `fetch` in the page by one that answers like a gateway with keys.
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
    expect(await guarded.evaluate(`JSON.stringify(localStorage)`)).not.toContain('right');
  });

  it('does not poll while it is hidden, and polls at once when it is visible again', async () => {
    expect(await page.evaluate(`document.hidden`)).toBe(true);
    await page.until(`${text('age')} === 'Paused while hidden'`);
    const asked = page.urls.length;
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(page.urls.length).toBe(asked);
    await page.front();
    await page.until(`${text('age')} === ''`, 1_500);
    expect(page.urls.length).toBeGreaterThan(asked);
  });

  it('shows the API at /docs, and sends the requests that a reader tries there', async () => {
    const docs = await browser.newPage();
    await docs.view(WIDE);
    await docs.open(`${up.url}/docs`);
    // The page runs half a megabyte of script, which takes long if other tests use the cores.
    await docs.until(`document.querySelectorAll('.opblock').length > 15`, 60_000);
    await docs.screenshot(join(pictures, 'docs.png'));
    await docs.click('[id$="post_v_completions"] .opblock-summary-control');
    const button = `document.querySelector('[id$="post_v_completions"] .execute')`;
    await docs.until(`${button} !== null`);
    const placeOf = () => docs.evaluate<number>(`${button}.getBoundingClientRect().top`);
    // The panel opens with an animation.
    for (let before = Number.NaN, top = await placeOf(); top !== before; top = await placeOf()) {
      before = top;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await docs.click('[id$="post_v_completions"] .execute');
    const answer = `document.querySelector('[id$="post_v_completions"] .live-responses-table')?.textContent`;
    await docs.until(`${answer}?.includes('text_completion')`, 60_000);
    await docs.screenshot(join(pictures, 'docs-tried.png'));
    expect(docs.urls.filter((url) => !/^(data|blob):/.test(url) && !url.startsWith(`${up.url}/`))).toEqual(
      [],
    );
    expect(docs.complaints).toEqual([]);
    await page.front();
  });

  it('names the missing experts if a shard is gone, and says when the gateway is gone', async () => {
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
    expect(await partial.evaluate(text('missing'))).toContain(
      `${layers} layers have experts that no shard serves`,
    );
    expect(await partial.evaluate(text('missing'))).toMatch(/layer 0: \d+-\d+/);
    await partial.screenshot(join(pictures, 'missing.png'));
    poorer.process.signal('SIGKILL');
    await partial.until(`${text('state')} === 'Out of reach'`);
  });

  it('drains a shard after a confirmation', async () => {
    await page.front();
    const button = `document.querySelector('#shards tr:last-child .act button')`;
    await page.until(`${button} !== null && !${button}.hidden`);
    await page.click('#shards tr:last-child .act button');
    expect(await page.evaluate(`document.activeElement.id`)).toBe('drain-cancel');
    await page.press('Escape');
    expect(await page.evaluate(`document.getElementById('drain-dialog').open`)).toBe(false);
    const address = await page.evaluate<string>(
      `document.querySelector('#shards tr:last-child th span').textContent`,
    );
    await page.click('#shards tr:last-child .act button');
    await page.click('#drain-confirm');
    // The shard is the only one with its experts, so the gateway asks a second time.
    await page.until(`${text('drain-confirm')} === 'Drain anyway'`);
    await page.screenshot(join(pictures, 'drain.png'));
    await page.click('#drain-confirm');
    await page.until(`${text('drain-result')}.startsWith('${address} has left service')`);
    await page.until(`${text('state')} === 'Experts missing'`);
    await page.until(`/away(lost|\\d)/.test(document.querySelector('#shards tr:last-child').textContent)`);
  });

  it('requested nothing from other hosts, and logged no errors of its own', () => {
    expect(page.urls.length).toBeGreaterThan(20);
    expect(page.urls.filter((url) => !url.startsWith(`${up.url}/`))).toEqual([]);
    const own = page.complaints.filter((each) => !each.startsWith('Failed to load resource'));
    expect(own).toEqual([]);
  });
});
