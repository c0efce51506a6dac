// Relays a stream of server-sent events, and continues it at another gateway if its gateway is lost or leaves service.
//
// Worked example: gateway A is killed after `{"text":"Hel"}`. Its record says that choice 0 has one event with the ids 512 and 7. The
// request is sent to gateway B with that record, B answers with the events after the first one, and the client gets `{"text":"lo"}`.
import { RecordReader } from '../../../resume/record.ts';
import { isStream, joined } from '../ask.ts';
import { type EdgeError, errorEvent, shuttingDown, streamLost } from '../errors.ts';
import type { Gateway } from '../gateways/gateways.ts';
import { sleep, Tries } from '../repeats.ts';
import type { HeldBytes } from '../requests/body-memory.ts';
import type { Call } from '../requests/call.ts';
import { BUSY, isUnavailable, type Reply, type Shared, send } from '../send.ts';
import { Blocks, type Taken } from './blocks.ts';
import { type Read, Source } from './source.ts';

interface StreamOptions {
  call: Call;
  shared: Shared;
}

/** `reply` is the first answer to `call`. It is read only when the client reads. */
export function continuedStream(reply: Reply, options: StreamOptions): ReadableStream<Uint8Array> {
  const stream = new ContinuedStream(reply, options);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await stream.next();
        if (next.length > 0) controller.enqueue(next);
        if (stream.over) controller.close();
      },
      cancel: (reason) => stream.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** Longest wait for a place in a full queue. */
const LONGEST_WAIT_MS = 2_000;

/** The status of a gateway of another bundle, numerics class or version. */
const CANNOT_CONTINUE = 409;

/** Lines of the log by code. */
const logged = {
  stream_interrupted: { level: 'warn', message: 'a gateway was lost or left service during a stream' },
  continuation_refused: { level: 'warn', message: 'a gateway refused to continue a stream' },
  continuation_failed: {
    level: 'warn',
    message: 'a gateway gave no answer when it should continue a stream',
  },
  stream_lost: {
    level: 'error',
    message: 'a stream ended with an error, because no gateway could continue it',
  },
} as const;

type Interruption = Exclude<Read, { bytes: Uint8Array }>;

class ContinuedStream {
  /** Whether the client has got the end of the stream, or has left. */
  over = false;
  readonly #call: Call;
  readonly #shared: Shared;
  /** The memory of the body, which is kept for a continuation. */
  readonly #held: HeldBytes;
  /** Aborted if the client leaves. */
  readonly #left = new AbortController();
  readonly #record = new RecordReader();
  readonly #blocks = new Blocks(this.#record);
  #source: Source;
  #gateway: Gateway;
  #tries = new Tries<Gateway>();
  /** Number of events that the client has got. */
  #events = 0;
  /** The regions that have served the stream, in order. */
  readonly #regions: string[];
  #resumes = 0;
  #isAccounted = false;
  /** Whether the client has got an event since the last interruption. */
  #progressed = false;
  #state: Taken['state'] = 'open';

  constructor(reply: Reply, { call, shared }: StreamOptions) {
    this.#call = { ...call, signal: AbortSignal.any([call.signal, this.#left.signal]) };
    this.#shared = shared;
    this.#held = shared.memory.open(call.body?.length);
    this.#gateway = reply.attempt.gateway;
    this.#regions = [this.#gateway.region];
    this.#source = new Source(reply, shared.silentMs);
    // A host may drop a stream that the client has left without cancelling it.
    const leave = () => this.cancel('the client has left');
    if (call.signal.aborted) leave();
    else call.signal.addEventListener('abort', leave, { once: true });
  }

  /** The next bytes for the client. Sets `over` if they are the last ones. */
  async next(): Promise<Uint8Array> {
    for (;;) {
      const read = await this.#read();
      if (read.bytes !== undefined) {
        const forward = this.#take(this.#blocks.push(read.bytes));
        if (forward !== undefined) return forward;
      } else if (this.#state === 'ended') return this.#end();
      else if (!(await this.#continue(read))) return this.#end(this.#isCut ? shuttingDown : streamLost);
    }
  }

  /** Has no effect after the end of the stream. */
  cancel(reason: unknown): void {
    if (this.over) return;
    this.over = true;
    this.#left.abort(reason);
    this.#source.abort(reason);
    this.#account(499);
  }

  /** Does not read on after a line that ends the source. */
  #read(): Read | Promise<Read> {
    if (this.#state === 'moved') return { cause: 'the gateway leaves service', silent: true };
    if (this.#state === 'broken') return { cause: 'the gateway wrote a bad record', silent: true };
    return this.#source.read();
  }

  #take({ forward, state, events }: Taken): Uint8Array | undefined {
    // What follows an ending, such as a lost connection, does not change it.
    if (this.#state !== 'ended') this.#state = state;
    if (this.#events === 0 && this.#blocks.usage !== undefined) this.#call.ticket?.began(this.#blocks.usage);
    this.#events += events;
    if (events > 0) this.#progressed = true;
    return forward.length > 1 ? joined(forward) : forward[0];
  }

  #end(error?: EdgeError): Uint8Array {
    this.#source.abort('the stream is over');
    this.over = true;
    this.#account(this.#call.signal.aborted ? 499 : (error?.status ?? 200));
    if (error === undefined || this.#call.signal.aborted) return new Uint8Array();
    const { format, id: requestId } = this.#call;
    if (error === streamLost) {
      this.#shared.counts.add('streams_lost', this.#gateway.url);
      this.#log('stream_lost', this.#gateway);
    }
    return new TextEncoder().encode(errorEvent(format, error, { requestId, events: this.#events }));
  }

  /** Ends the ticket, once. Of a lost stream, the tokens that have arrived are counted. */
  #account(status: number): void {
    if (this.#isAccounted) return;
    this.#isAccounted = true;
    this.#held.release();
    const { usage } = this.#blocks;
    const ended = this.#state === 'ended' && usage !== undefined;
    const arrived = usage && { ...usage, generated_tokens: this.#record.generated };
    void this.#call.ticket?.end({
      ...{ status, regions: this.#regions, resumes: this.#resumes },
      usage: ended ? usage : arrived,
      isFinal: ended || (status === streamLost.status && arrived !== undefined),
      gateway: this.#gateway.url,
    });
  }

  /** Whether the stream has a new source. */
  async #continue({ cause, silent }: Interruption): Promise<boolean> {
    if (this.#isCut) return false;
    const { signal } = this.#call;
    const moved = this.#state === 'moved';
    this.#log('stream_interrupted', this.#gateway, cause);
    this.#source.abort(cause);
    this.#blocks.clear();
    this.#state = 'open';
    if (this.#progressed) this.#tries = new Tries();
    this.#progressed = false;
    // Without a record, the answer can only begin again.
    if (this.#events > 0 && this.#record.record === undefined) return false;
    const { gateways } = this.#shared;
    // The gateway that has the keys and values of the stream computes almost nothing, so it need not be paced.
    const heir = moved ? gateways.at(this.#blocks.movedTo) : undefined;
    let preferred = moved || silent ? undefined : this.#gateway;
    if (moved) this.#tries.unavailable.add(this.#gateway);
    else this.#tries.avoid(this.#gateway);
    if (heir !== undefined && this.#call.regions.includes(heir.region) && gateways.isHealthy(heir)) {
      this.#tries.next(0);
      if (await this.#ask(heir)) return true;
    }
    while (this.#tries.left) {
      await sleep(this.#tries.next(Math.random()), this.#waiting);
      const gateway = await this.#chooseInTurn(preferred);
      preferred = undefined;
      if (gateway === undefined || signal.aborted || this.#isCut) return false;
      if (await this.#ask(gateway)) return true;
    }
    return false;
  }

  /**
   * Waits until a continuation may begin at a gateway: at `preferred` if it seems to work. Chooses again if the gateway is lost during the
   * wait.
   */
  async #chooseInTurn(preferred: Gateway | undefined): Promise<Gateway | undefined> {
    const { gateways } = this.#shared;
    const { key, regions, signal } = this.#call;
    const { lost, refused, unavailable } = this.#tries;
    const returns =
      preferred !== undefined &&
      gateways.isHealthy(preferred) &&
      preferred.pace.waitAt(performance.now()) === 0;
    const options = { regions, key, lost, refused, unavailable };
    let gateway = returns ? preferred : gateways.choose(options);
    for (let left = gateways.all.length; gateway !== undefined && left > 0; left--) {
      const wasHealthy = gateways.isHealthy(gateway);
      await gateways.waitForPace(gateway, this.#waiting);
      if (signal.aborted || this.#isCut) return undefined;
      if (gateways.isHealthy(gateway) || !wasHealthy) return gateway;
      this.#tries.avoid(gateway);
      gateway = gateways.choose(options);
    }
    return gateway;
  }

  /** Whether `gateway` continues the stream. */
  async #ask(gateway: Gateway): Promise<boolean> {
    const { counts } = this.#shared;
    counts.add('continuations', gateway.url);
    try {
      const { record } = this.#record;
      const reply = await send(this.#call, gateway, { shared: this.#shared, record });
      if (isStream(reply)) {
        this.#gateway = gateway;
        this.#resumes++;
        if (gateway.region !== this.#regions.at(-1)) this.#regions.push(gateway.region);
        this.#source = new Source(reply, this.#shared.silentMs);
        return true;
      }
      reply.attempt.abort('the answer is not needed');
      reply.attempt.end();
      if (reply.status === CANNOT_CONTINUE) this.#tries.passOver(gateway);
      else if (reply.status === BUSY && this.#tries.mayWait()) await this.#waitFor(reply);
      else if (isUnavailable(reply.status)) this.#tries.unavailable.add(gateway);
      else this.#tries.refused.add(gateway);
      this.#log('continuation_refused', gateway, `it answered ${reply.status}`);
    } catch (cause) {
      this.#tries.avoid(gateway);
      this.#log('continuation_failed', gateway, cause);
    }
    counts.add('continuation_failures', gateway.url);
    return false;
  }

  /** Whether the edge ends all open requests. */
  get #isCut(): boolean {
    return this.#shared.cutSignal.aborted;
  }

  /** Ends waits: the client leaves, or the edge ends. */
  get #waiting(): AbortSignal {
    return AbortSignal.any([this.#call.signal, this.#shared.cutSignal]);
  }

  /** Waits for as long as a gateway with a full queue asks for. */
  async #waitFor({ headers }: Reply): Promise<void> {
    const seconds = Number(headers.get('retry-after') ?? 1);
    const askedMs = Number.isFinite(seconds) ? 1000 * seconds : LONGEST_WAIT_MS;
    await sleep(Math.min(askedMs, LONGEST_WAIT_MS), this.#waiting);
  }

  #log(code: keyof typeof logged, { url: gateway }: Gateway, cause?: unknown): void {
    // If the client has left, the gateway's part was ended by the edge.
    if (this.#call.signal.aborted) return;
    const known = cause === undefined ? {} : { cause: String(cause) };
    this.#shared.log({ ...logged[code], code, request: this.#call.id, gateway, ...known });
  }
}
