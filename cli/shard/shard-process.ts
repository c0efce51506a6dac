// Runs an expert shard as a child process, and restarts it on the same port when it dies. It does not restart a shard that an operator
// drained.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { errorText } from '../../base/error-text.ts';
import { moduleUrl } from '../../base/module-url.ts';
import { formatPrefetch, type Prefetch } from '../../model/devices/cpu/prefetch.ts';
import { type SecurityPaths, securityArguments } from '../flags/security-flags.ts';
import type { LogFormat } from '../terminal/log.ts';
import type { ReadAheadMessage, ShardMessage } from './shard-parent.ts';

/** Wait before a dead shard is restarted. It doubles, up to `LONGEST_WAIT_MS`, if the shard lived for less than `HEALTHY_MS`. */
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;
const HEALTHY_MS = 10_000;
/** Suffixes of EXPERTGRID_ variables that describe a single shard. They are not passed on, because all children would get them. */
const OF_ONE_SHARD = ['METRICS_PORT', 'NAME', 'STATE', 'MEMORY', 'STANDBY'];
/**
 * glibc gives threads their own malloc arenas, at most eight arenas per core. Memory that V8's compiler threads free stays in
 * their arenas: 15 MB in a shard that runs from a checkout. Two arenas are enough, because no call of a shard waits for an arena.
 */
const MALLOC_ARENAS = '2';
/** How a process ended that the system did not start. */
const NOT_STARTED = 'could not be started';

interface ShardProcessOptions {
  /** For each model, the directory of its bundle and the experts of this shard, such as `0-23`. */
  holds: readonly { model: string; experts: string }[];
  device: string;
  threads: number;
  /** Undefined if no kernels of the shard prefetch. */
  prefetch: Prefetch | undefined;
  zone?: string | undefined;
  logLevel: string;
  logFormat: LogFormat;
  /** Paths of the credentials that the shard and its gateway use. */
  security: SecurityPaths | undefined;
  log: Logger;
}

export interface ShardProgress {
  /** Progress of loading: numbers of units. Called before the shard serves. */
  onLoading?: (done: number, total: number) => void;
  /** Progress of reading experts ahead: numbers of bytes. Called while the shard serves. */
  onReading?: (done: number, total: number) => void;
}

export class ShardProcess {
  readonly #options: ShardProcessOptions;
  #child: ChildProcess | undefined;
  #port = 0;
  #wait = FIRST_WAIT_MS;
  #restart: NodeJS.Timeout | undefined;
  #stopping = false;
  #readsAhead = false;

  constructor(options: ShardProcessOptions) {
    this.#options = options;
  }

  /** Resolves with the address of the shard when it serves. Rejects if its process cannot be started, or ends before. */
  start({ onLoading = () => {}, onReading = () => {} }: ShardProgress = {}): Promise<string> {
    const startedAt = performance.now();
    let fault: string | undefined;
    let leaving = false;
    return new Promise((resolve, reject) => {
      const ended = (how: string) => {
        const why = fault === undefined ? `${how} before it served` : `cannot serve: ${fault}`;
        reject(new Error(`the shard of experts ${this.#experts} ${why}`));
        if (this.#port === 0) return;
        if (leaving) this.#onLeft();
        else this.#onDeath(how, performance.now() - startedAt);
      };
      let child: ChildProcess;
      try {
        child = this.#spawn();
      } catch (error) {
        fault = errorText(error);
        ended(NOT_STARTED);
        return;
      }
      this.#child = child;
      child.on('error', (error) => {
        fault = errorText(error);
      });
      child.on('message', (message: ShardMessage) => {
        if (message.type === 'loading') onLoading(message.done, message.total);
        else if (message.type === 'reading') onReading(message.done, message.total);
        else if (message.type === 'failed') fault = message.message;
        else if (message.type === 'leaving') leaving = true;
        else {
          this.#port = message.port;
          if (this.#readsAhead) this.readAhead();
          resolve(message.address);
        }
      });
      // 'close' comes after all messages, and also if the process could not be started.
      child.on('close', (code, signal) => ended(child.pid === undefined ? NOT_STARTED : endOf(code, signal)));
    });
  }

  #spawn(): ChildProcess {
    const { holds, device, threads, prefetch, zone, logLevel, logFormat, security } = this.#options;
    const settings = {
      device,
      threads,
      spin: 0, // other processes on this machine need the core
      ...(prefetch && { prefetch: formatPrefetch(prefetch) }),
      ...(zone !== undefined && { zone }),
      port: this.#port,
      'log-level': logLevel,
      'log-format': logFormat,
      host: '127.0.0.1', // EXPERTGRID_HOST is for the gateway
    };
    const flags = [
      ...holds.flatMap(({ model, experts }) => ['--model', model, '--experts', experts]),
      ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
      ...securityArguments(security),
    ];
    // The shard gets its own process group. Ctrl-C at a terminal then reaches only the parent, which drains the shard later.
    const main = fileURLToPath(moduleUrl('../main', import.meta.url));
    return spawn(process.execPath, [main, 'shard', ...flags], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      detached: true,
      env: {
        MALLOC_ARENA_MAX: MALLOC_ARENAS,
        ...process.env,
        ...Object.fromEntries(OF_ONE_SHARD.map((name) => [`EXPERTGRID_${name}`, undefined])),
      },
    });
  }

  /** Lets the shard read its experts ahead, now and after every restart. */
  readAhead(): void {
    this.#readsAhead = true;
    if (this.#child?.connected) this.#child.send({ type: 'read-ahead' } satisfies ReadAheadMessage);
  }

  /** Drains the shard. Kills its process if it has not ended after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await ended;
    clearTimeout(timer);
  }

  /** Ends the process at once, without a drain. */
  kill(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#child?.kill('SIGKILL');
  }

  /** The experts for errors and logs: `0-23`, or `0-23, 0-47` for two models. */
  get #experts(): string {
    return this.#options.holds.map(({ experts }) => experts).join(', ');
  }

  /** An operator drained the shard. A restart would undo that. */
  #onLeft(): void {
    if (this.#stopping) return;
    const { log } = this.#options;
    log.warn({ experts: this.#experts, port: this.#port }, 'shard was drained; it is not restarted');
  }

  #onDeath(how: string, servedMs: number): void {
    if (this.#stopping) return;
    const { log } = this.#options;
    const experts = this.#experts;
    this.#wait = servedMs > HEALTHY_MS ? FIRST_WAIT_MS : Math.min(2 * this.#wait, LONGEST_WAIT_MS);
    log.warn({ experts, port: this.#port, restartMs: this.#wait }, `shard ${how}; restarting it`);
    this.#restart = setTimeout(() => {
      this.start().catch((error: Error) => log.error({ experts }, error.message));
    }, this.#wait);
  }
}

function endOf(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === null) return `exited with ${code}`;
  if (signal !== 'SIGBUS') return `was ended by ${signal}`;
  return 'was ended by SIGBUS: a file of its model was truncated or replaced while in use; its last log line names the file';
}
