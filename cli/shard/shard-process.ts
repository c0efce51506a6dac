// One expert shard as a child process: started, watched, started again on its port when it dies, asked to leave. One that was
// drained by somebody else has left for good.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { moduleUrl } from '../../base/module-url.ts';
import { type SecurityPaths, securityArguments } from '../flags/security-flags.ts';
import type { LogFormat } from '../terminal/log.ts';
import type { ReadAheadMessage, ShardMessage } from './shard-parent.ts';

/** Milliseconds before a dead shard is started again; doubles while it dies young. */
const FIRST_WAIT = 200;
const LONGEST_WAIT = 5_000;
/** A shard that served so long was healthy. */
const HEALTHY = 10_000;
/** Twins in the environment that can be meant for one shard only; each of several children would take them for its own. */
const OF_ONE_SHARD = ['METRICS_PORT', 'NAME', 'STATE', 'MEMORY', 'STANDBY'];
/**
 * glibc gives each thread an arena, up to eight a core, and what V8's compiling threads free stays in theirs: 15 MB of a
 * shard in a checkout. No call of a shard waits for an arena.
 */
const MALLOC_ARENAS = '2';

export interface ShardProcessOptions {
  /** Of each model: directory of the bundle, and experts as shorthand, such as 0-23. */
  holds: readonly { model: string; experts: string }[];
  device: string;
  threads: number;
  logLevel: string;
  logFormat: LogFormat;
  /** What it and its gateway prove to each other. */
  security: SecurityPaths | undefined;
  log: Logger;
}

export interface ShardProgress {
  /** Units, before it serves. */
  onLoading?: (done: number, total: number) => void;
  /** Bytes read ahead, while it serves. */
  onReading?: (done: number, total: number) => void;
}

export class ShardProcess {
  readonly #options: ShardProcessOptions;
  #child: ChildProcess | undefined;
  #port = 0;
  #wait = FIRST_WAIT;
  #restart: NodeJS.Timeout | undefined;
  #stopping = false;
  #readsAhead = false;

  constructor(options: ShardProcessOptions) {
    this.#options = options;
  }

  /** Resolves with its address once it serves; rejects if it dies first. */
  start({ onLoading = () => {}, onReading = () => {} }: ShardProgress = {}): Promise<string> {
    const { holds, device, threads, logLevel, logFormat, security } = this.#options;
    const flags = [
      ...holds.flatMap(({ model, experts }) => ['--model', model, '--experts', experts]),
      '--device',
      device,
      '--threads',
      String(threads),
      '--port',
      String(this.#port),
      '--log-level',
      logLevel,
      '--log-format',
      logFormat,
      '--host',
      '127.0.0.1', // EXPERTGRID_HOST is the gateway's
      ...securityArguments(security),
    ];
    // A process group of its own: a terminal's Ctrl-C reaches only the parent, which asks it to leave when it is time.
    const child = spawn(
      process.execPath,
      [fileURLToPath(moduleUrl('../main', import.meta.url)), 'shard', ...flags],
      {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        detached: true,
        env: {
          MALLOC_ARENA_MAX: MALLOC_ARENAS,
          ...process.env,
          ...Object.fromEntries(OF_ONE_SHARD.map((name) => [`EXPERTGRID_${name}`, undefined])),
        },
      },
    );
    this.#child = child;
    const startedAt = performance.now();
    let fault: string | undefined;
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('message', (message: ShardMessage) => {
        if (message.type === 'loading') onLoading(message.done, message.total);
        else if (message.type === 'reading') onReading(message.done, message.total);
        else if (message.type === 'failed') fault = message.message;
        else {
          this.#port = message.port;
          if (this.#readsAhead) this.readAhead();
          resolve(message.address);
        }
      });
      child.on('exit', (code, signal) => {
        const how = endOf(code, signal);
        const why = fault === undefined ? `${how} before it served` : `cannot serve: ${fault}`;
        reject(new Error(`the shard of experts ${this.#experts} ${why}`));
        if (this.#port === 0) return;
        if (code === 0) this.#onLeft();
        else this.#onDeath(how, performance.now() - startedAt);
      });
    });
  }

  /** Lets it read its experts ahead, now and whenever it is started again. */
  readAhead(): void {
    this.#readsAhead = true;
    if (this.#child?.connected) this.#child.send({ type: 'read-ahead' } satisfies ReadAheadMessage);
  }

  /** Asks it to drain; kills it if it has not ended after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await ended;
    clearTimeout(timer);
  }

  /** Ends it at once. */
  kill(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#child?.kill('SIGKILL');
  }

  /** For errors and logs: `0-23`, or of several models `0-23, 0-47`. */
  get #experts(): string {
    return this.#options.holds.map(({ experts }) => experts).join(', ');
  }

  /** Nothing but a drain ends it with 0: an operator has it replaced, or wants it gone. */
  #onLeft(): void {
    if (this.#stopping) return;
    const { log } = this.#options;
    log.warn({ experts: this.#experts, port: this.#port }, 'shard was drained; it is not started again');
  }

  #onDeath(how: string, servedMs: number): void {
    if (this.#stopping) return;
    const { log } = this.#options;
    const experts = this.#experts;
    this.#wait = servedMs > HEALTHY ? FIRST_WAIT : Math.min(2 * this.#wait, LONGEST_WAIT);
    log.warn({ experts, port: this.#port, restartMs: this.#wait }, `shard ${how}; starting it again`);
    this.#restart = setTimeout(() => {
      this.start().catch((error: Error) => log.error({ experts }, error.message));
    }, this.#wait);
  }
}

function endOf(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === null) return `exited with ${code}`;
  if (signal !== 'SIGBUS') return `was ended by ${signal}`;
  return 'was ended by SIGBUS: a file of its model was cut short or replaced while in use, which its last line names';
}
