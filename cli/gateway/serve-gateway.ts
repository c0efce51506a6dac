// Runs a gateway process: the actions of each phase of gateway-life.ts, and the events that start the next phase.
import { ApiError } from '../../gateway/api/errors.ts';
import { Shutdown, shuttingDown } from '../../gateway/api/shutdown.ts';
import { onSignals } from '../signals.ts';
import { explain } from '../terminal/explain.ts';
import { initialLife, type LifeEvent, lifeAfter, type Phase } from './gateway-life.ts';
import { type GatewayProcess, type Started, startGateway } from './start-gateway.ts';

/** Time for writing the errors of requests that were ended by force. */
const LAST_ANSWERS_MS = 1_000;
/** Time for an engine thread to halt. A thread halts only between two runs of its device. */
const LONGEST_HALT_MS = 10_000;

/** The answer to open requests if the process has failed. The log has the cause. */
const failed = new ApiError({
  status: 500,
  message: 'The server has failed and ends.',
  type: 'server_error',
  code: 'internal',
});

/** Resolves when the gateway serves or could not start. The process runs on until its life cycle (gateway-life.ts) ends it. */
export async function serveGateway(options: GatewayProcess): Promise<void> {
  await new ServingProcess(options).start();
}

class ServingProcess {
  readonly #options: GatewayProcess;
  readonly #shutdown = new Shutdown();
  /** Aborted when the gateway refuses new requests. */
  readonly #serving = new AbortController();
  readonly #started: Started = {};
  readonly #act: Record<Phase, () => void | Promise<void>> = {
    loading() {},
    serving() {},
    draining: () => this.#drain(),
    cutting: () => this.#cut(),
    leaving: () => this.#leave(),
    halting: () => this.#halt(),
  };
  #life = initialLife;
  /** The error for open requests. Undefined: the gateway shuts down without a fault. */
  #cause: ApiError | undefined;

  constructor(options: GatewayProcess) {
    this.#options = options;
  }

  async start(): Promise<void> {
    onSignals({
      drain: (signal) => this.#happen(signal === 'SIGINT' ? 'interrupted' : 'terminated'),
      halt: () => this.#happen('urged'),
    });
    const onFailed = (error: unknown) => this.#fail(error);
    process.on('uncaughtException', onFailed);
    try {
      await startGateway(this.#options, {
        shutdown: this.#shutdown,
        history: { signal: this.#serving.signal },
        started: this.#started,
        onServed: () => this.#happen('loaded'),
        onFailed,
      });
    } catch (error) {
      this.#fail(error);
    }
  }

  #happen(event: LifeEvent): void {
    const before = this.#life;
    this.#life = lifeAfter(before, event);
    if (this.#life.phase !== before.phase) void this.#act[this.#life.phase]();
  }

  /** Reports the first error, and ends the process. */
  #fail(error: unknown): void {
    const { phase, code } = this.#life;
    if (phase === 'halting' || code !== 0) return; // the process already ends, and later errors are consequences
    if (phase === 'loading') process.stderr.write(`expertgrid: ${explain(error)}\n`);
    else this.#options.log.error({ err: error }, `${explain(error)}; the gateway ends`);
    this.#cause = failed;
    this.#happen('failed');
  }

  /** Waits until no request is open, but at most `withinMs`. */
  async #whenIdle(withinMs: number): Promise<void> {
    const idle = (await this.#started.server?.idle(withinMs)) ?? true;
    this.#happen(idle ? 'idle' : 'late');
  }

  async #drain(): Promise<void> {
    const { graceMs, log } = this.#options;
    log.info(`draining: open requests have ${graceMs / 1000} s to end; press Ctrl-C again to end them now`);
    this.#serving.abort();
    this.#shutdown.refuse();
    this.#started.server?.drain();
    await this.#whenIdle(graceMs);
  }

  async #cut(): Promise<void> {
    this.#serving.abort();
    const open = this.#started.server?.open ?? 0;
    if (open > 0) this.#options.log.warn(`ending ${open} open requests with an error`);
    this.#started.server?.drain();
    this.#shutdown.cut(this.#cause ?? shuttingDown());
    await this.#whenIdle(LAST_ANSWERS_MS);
  }

  async #leave(): Promise<void> {
    const { server, engines, tracing } = this.#started;
    await server?.close(0);
    const exported = tracing?.close();
    await engines?.close(0);
    await this.#options.stopShards();
    await exported;
    process.exit(this.#life.code);
  }

  async #halt(): Promise<void> {
    this.#options.killShards();
    const timer = setTimeout(() => {
      const seconds = LONGEST_HALT_MS / 1000;
      this.#options.log.error(`an engine thread did not end within ${seconds} s; killing the process`);
      process.kill(process.pid, 'SIGKILL');
    }, LONGEST_HALT_MS);
    await this.#started.engines?.halt();
    clearTimeout(timer);
    process.exit(this.#life.code);
  }
}
