// Drives a headless Chromium over its DevTools protocol: opens pages, evaluates expressions, sends input, takes
// screenshots. Every wait has a limit.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** Paths on Debian, Fedora and macOS. The environment may name another path. */
const places = [
  process.env.EXPERTGRID_TEST_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

const ANSWER_MS = 30_000;

type Parameters = Record<string, unknown>;

interface Message {
  id?: number;
  sessionId?: string;
  method?: string;
  params?: Parameters;
  result?: Parameters;
  error?: { message: string };
}

interface Asked {
  resolve: (result: Parameters) => void;
  reject: (error: Error) => void;
}

export interface View {
  width: number;
  height: number;
  scheme?: 'light' | 'dark';
}

export interface Page {
  /** Console errors, uncaught exceptions and refused loads so far. */
  readonly complaints: string[];
  /** Every URL that the page has requested. */
  readonly urls: string[];
  open(url: string): Promise<void>;
  /** Brings the page to the front, which hides the other pages of the browser. */
  front(): Promise<void>;
  /** Sets the size of the page and its color scheme. */
  view(view: View): Promise<void>;
  /** Evaluates an expression and awaits it if it is a promise. Rejects if the expression throws. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until the expression is truthy and returns its value. Rejects after `withinMs` (default 60 s). */
  until<T>(expression: string, withinMs?: number): Promise<T>;
  /** Types into the element that has the focus. */
  type(text: string): Promise<void>;
  /** Presses a key by its name in KeyboardEvent.key. */
  press(key: string): Promise<void>;
  /** Clicks the middle of the element that matches the selector. */
  click(selector: string): Promise<void>;
  /** Moves the mouse to a place inside the element that matches the selector. `x` and `y` are shares of its size (0–1). */
  point(selector: string, x: number, y: number): Promise<void>;
  /** Writes a PNG of the visible part of the page. */
  screenshot(file: string): Promise<void>;
}

export interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

/** `preferences` are settings of the profile, by Chromium's names. Throws if the machine has no Chromium. */
export async function startChromium(preferences: object = {}): Promise<Browser> {
  const file = places.find((place) => place !== undefined && existsSync(place));
  if (file === undefined)
    throw new Error('found no Chromium: install it, or set EXPERTGRID_TEST_CHROMIUM to its path');
  const profile = await mkdtemp(join(tmpdir(), 'expertgrid-chromium-'));
  await mkdir(join(profile, 'Default'));
  await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
  const flags = [
    '--headless=new',
    '--remote-debugging-pipe',
    '--no-sandbox',
    '--no-first-run',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--disable-background-networking',
    '--hide-scrollbars',
    `--user-data-dir=${profile}`,
  ];
  const child = spawn(file, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  const protocol = new Protocol(child);
  return {
    async newPage() {
      const { targetId } = await protocol.call('Target.createTarget', { url: 'about:blank' });
      const attach = { targetId, flatten: true };
      const { sessionId } = await protocol.call('Target.attachToTarget', attach);
      return await openPage(protocol, String(sessionId));
    },
    async close() {
      child.kill('SIGKILL');
      await exited;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The DevTools protocol over two pipes: JSON messages that each end with a zero byte. */
class Protocol {
  readonly #out: Writable;
  readonly #asked = new Map<number, Asked>();
  readonly #listeners: ((message: Message) => void)[] = [];
  #calls = 0;

  constructor(child: ChildProcess) {
    const [, , , out, back] = child.stdio;
    this.#out = out as Writable;
    let held = '';
    (back as Readable).setEncoding('utf8').on('data', (piece: string) => {
      const messages = (held + piece).split('\0');
      held = messages.pop() ?? '';
      for (const text of messages) this.#take(JSON.parse(text) as Message);
    });
    child.on('exit', () => {
      for (const { reject } of this.#asked.values()) reject(new Error('Chromium has ended'));
    });
  }

  onEvent(listener: (message: Message) => void): void {
    this.#listeners.push(listener);
  }

  call(method: string, params: Parameters = {}, sessionId?: string): Promise<Parameters> {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${method}: no answer in ${ANSWER_MS} ms`)), ANSWER_MS);
      const settled = () => {
        clearTimeout(late);
        this.#asked.delete(id);
      };
      this.#asked.set(id, {
        resolve: (result) => {
          settled();
          resolve(result);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      this.#out.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  #take(message: Message): void {
    if (message.id === undefined) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    const asked = this.#asked.get(message.id);
    if (message.error === undefined) asked?.resolve(message.result ?? {});
    else asked?.reject(new Error(message.error.message));
  }
}

const keyCodes: Readonly<Record<string, number>> = {
  Tab: 9,
  Enter: 13,
  Escape: 27,
  PageUp: 33,
  PageDown: 34,
  End: 35,
  Home: 36,
  ArrowLeft: 37,
  ArrowUp: 38,
  ArrowRight: 39,
  ArrowDown: 40,
};

async function openPage(protocol: Protocol, session: string): Promise<Page> {
  const call = (method: string, params?: Parameters) => protocol.call(method, params, session);
  const complaints: string[] = [];
  const urls: string[] = [];
  const loads: (() => void)[] = [];
  protocol.onEvent(({ sessionId, method, params = {} }) => {
    if (sessionId !== session) return;
    if (method === 'Page.loadEventFired') for (const done of loads.splice(0)) done();
    if (method === 'Network.requestWillBeSent') urls.push(urlOf(params));
    const complaint = method === undefined ? undefined : complaintOf(method, params);
    if (complaint !== undefined) complaints.push(complaint);
  });
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await call(`${domain}.enable`);

  async function evaluate<T>(expression: string): Promise<T> {
    const options = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await call('Runtime.evaluate', options);
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value: T }).value;
  }

  /** Scrolls to the element and returns a place inside it, in pixels of the view. */
  async function placeOf(selector: string, x: number, y: number): Promise<{ x: number; y: number }> {
    return await evaluate(`(() => {
      const found = document.querySelector(${JSON.stringify(selector)});
      found.scrollIntoView({ block: 'nearest', behavior: 'instant' });
      const { left, top, width, height } = found.getBoundingClientRect();
      return { x: left + width * ${x}, y: top + height * ${y} };
    })()`);
  }
  const mouse = (type: string, at: { x: number; y: number }, more: Parameters = {}) =>
    call('Input.dispatchMouseEvent', { type, ...at, ...more });

  return {
    complaints,
    urls,
    async open(url) {
      const loaded = new Promise<void>((resolve) => loads.push(resolve));
      const { errorText } = await call('Page.navigate', { url });
      if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
      await loaded;
    },
    async front() {
      await call('Page.bringToFront');
    },
    async view({ width, height, scheme = 'light' }) {
      const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
      await call('Emulation.setDeviceMetricsOverride', metrics);
      const features = [{ name: 'prefers-color-scheme', value: scheme }];
      await call('Emulation.setEmulatedMedia', { features });
    },
    evaluate,
    async until<T>(expression: string, withinMs = 60_000) {
      const end = performance.now() + withinMs;
      for (;;) {
        const value = await evaluate<T>(expression);
        if (value) return value;
        if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${expression}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async type(text) {
      await call('Input.insertText', { text });
    },
    async press(key) {
      const code = { key, code: key, windowsVirtualKeyCode: keyCodes[key] };
      await call('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...code });
      if (key === 'Enter') await call('Input.dispatchKeyEvent', { type: 'char', ...code, text: '\r' });
      await call('Input.dispatchKeyEvent', { type: 'keyUp', ...code });
    },
    async click(selector) {
      const at = await placeOf(selector, 0.5, 0.5);
      const left = { button: 'left', clickCount: 1 };
      await mouse('mouseMoved', at);
      await mouse('mousePressed', at, left);
      await mouse('mouseReleased', at, left);
    },
    async point(selector, x, y) {
      await mouse('mouseMoved', await placeOf(selector, x, y));
    },
    async screenshot(file) {
      const { data } = await call('Page.captureScreenshot', { format: 'png' });
      await writeFile(file, Buffer.from(String(data), 'base64'));
    },
  };
}

function urlOf({ request }: Parameters): string {
  return (request as { url: string }).url;
}

function complaintOf(method: string, params: Parameters): string | undefined {
  if (method === 'Runtime.exceptionThrown') return JSON.stringify(params.exceptionDetails);
  if (method === 'Runtime.consoleAPICalled' && params.type === 'error') return JSON.stringify(params.args);
  if (method !== 'Log.entryAdded') return undefined;
  const { level, text, url } = params.entry as { level: string; text: string; url?: string };
  return level === 'error' ? `${text} ${url ?? ''}` : undefined;
}
