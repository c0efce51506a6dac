// The other gateways of the same shards: checks which of them are alive, and passes a request on to the gateway that has probably
// computed the beginning of its prompt before.

import { z } from 'zod';
import { errorText } from '../../../base/error-text.ts';
import type { AnswerPlan } from '../answers/respond.ts';
import { ApiError, ClientGone } from '../errors.ts';
import type { Shutdown } from '../shutdown.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import { askPeer, type Passed, type PeerAnswer } from './pass-on.ts';
import { gatewayLost, type Relayed } from './relayed.ts';
import { prefixKey, rendezvous } from './rendezvous.ts';
import { WholeEvents } from './whole-events.ts';

/** Header of a request that was passed on. The gateway that gets it answers the request itself. */
const FORWARDED = 'x-expertgrid-forwarded';

/** Whether another gateway says that it has passed the request on. */
export function isPassedOn(headers: Headers): boolean {
  return headers.has(FORWARDED);
}

/** Largest size in bytes of a peer's answer to GET /peer, and of its answers with the status 429, which are read whole. */
const LARGEST_CARD = 256 * 1024;
const LARGEST_REFUSAL = 1024 * 1024;

const peerCard = z.object({
  /** A random id that is drawn when the process starts. Two addresses with the same instance are one gateway. */
  instance: z.string().min(1).max(128),
  /** The identity of each model's checkpoint by the id of the model. Two gateways may use one id for different checkpoints. */
  models: z.record(z.string().max(512), z.string().max(512)),
  /** The port at which the gateway takes over keys and values of streams. Absent: it takes none. */
  transfer: z.int().min(1).max(65_535).optional(),
});

/** The answer of GET /peer. */
export type PeerCard = z.infer<typeof peerCard>;

interface PeersOptions {
  card: PeerCard;
  /** The current `host:port` of all gateways, which may include this one. */
  addresses: () => readonly string[];
  log: (message: string) => void;
  /** Time between two checks of all peers. Default 2 s. */
  everyMs?: number;
  /** A peer that takes longer to answer a check counts as not alive. Default 1 s. */
  patienceMs?: number;
  fetch?: typeof fetch;
}

interface PassedRequest extends Passed {
  requestId: string;
  broken: Relayed['broken'];
  shutdown: Shutdown;
}

interface Peer extends PeerCard {
  /** The peer's instance. It determines which prompts belong to the peer. */
  name: string;
  address: string;
}

/** Statuses that this gateway would return too. After any other status of the peer, this gateway answers the request itself. */
const FINAL: ReadonlySet<number> = new Set([200, 400, 413, 429]);

/** After this number of consecutive checks without an answer, the requests that the peer is answering are aborted. */
const SILENT_CHECKS = 2;

export class Peers {
  readonly #options: Required<PeersOptions>;
  #alive: readonly Peer[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Number of consecutive checks without an answer, by address. */
  readonly #silent = new Map<string, number>();
  /** The requests that a peer is answering. */
  readonly #passes = new Set<{ address: string; silence: AbortController }>();

  constructor(options: PeersOptions) {
    this.#options = { everyMs: 2_000, patienceMs: 1_000, fetch, ...options };
    void this.#check();
  }

  get alive(): readonly { address: string; instance: string }[] {
    return this.#alive;
  }

  /** The address of the peer to which prompts with this key belong (see `prefixKey`). Undefined if they belong to this gateway. */
  addressOf(key: string, model: string): string | undefined {
    const identity = this.#options.card.models[model];
    const self = { name: this.#options.card.instance, address: undefined };
    const others = this.#alive.filter(({ models }) => models[model] === identity);
    return rendezvous(key, [self, ...others]).address;
  }

  /** The gateway to which a stream with this key moves when this one leaves service. Undefined if none takes over keys and values. */
  heirOf(key: string, model: string): { address: string; transfer: string } | undefined {
    const identity = this.#options.card.models[model];
    const able = this.#alive.filter(
      ({ models, transfer }) => models[model] === identity && transfer !== undefined,
    );
    if (able.length === 0) return undefined;
    const { address, transfer } = rendezvous(key, able);
    return { address, transfer: `${address.slice(0, address.lastIndexOf(':'))}:${transfer}` };
  }

  /**
   * Returns the peer's answer as a stream. Undefined if the peer has no answer; this gateway must then compute it. A peer that
   * cannot be reached counts as not alive until the next check.
   */
  async pass(address: string, { requestId, broken, shutdown, ...passed }: PassedRequest) {
    const { log, card } = this.#options;
    const silence = new AbortController();
    const pass = { address, silence };
    this.#passes.add(pass);
    const over = () => void this.#passes.delete(pass);
    try {
      const signal = AbortSignal.any([passed.signal, silence.signal]);
      const added = { [FORWARDED]: card.instance, 'x-request-id': requestId };
      const answer = await askPeer(address, { ...passed, signal }, added);
      const first = await finalPart(answer);
      if (first === undefined) {
        answer.cancel();
        over();
        log(`gateway ${address} refused a request (${answer.status}), which is computed here`);
        return undefined;
      }
      const { status, headers } = answer;
      headers.set('x-expertgrid-gateway', address);
      const ending = (error: ApiError, events: number) => broken(error, { requestId, events });
      const lost = (cause: unknown) =>
        log(`gateway ${address} was lost during an answer: ${errorText(cause)}`);
      return new Response(streamed(answer, { first, lost, over, ending, shutdown }), { status, headers });
    } catch (cause) {
      over();
      if (passed.signal.aborted) throw new ClientGone({ cause });
      this.#alive = this.#alive.filter((peer) => peer.address !== address);
      log(`gateway ${address} could not be reached, so its prompts are computed here: ${errorText(cause)}`);
      return undefined;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #check(): Promise<void> {
    const { addresses, card, everyMs } = this.#options;
    const found = await Promise.all(addresses().map((address) => this.#ask(address)));
    const others = found
      .filter((peer) => peer !== undefined)
      .filter(({ instance }) => instance !== card.instance);
    const instances = others.map(({ instance }) => instance);
    this.#alive = others.filter(({ instance }, i) => instances.indexOf(instance) === i);
    this.#timer = setTimeout(() => void this.#check(), everyMs).unref();
  }

  async #ask(address: string): Promise<Peer | undefined> {
    const signal = AbortSignal.timeout(this.#options.patienceMs);
    try {
      const response = await this.#options.fetch(`http://${address}/peer`, { signal, redirect: 'error' });
      const text = await wholeText(response.body ?? [], LARGEST_CARD, 'card');
      const card = peerCard.safeParse(JSON.parse(text.toString()));
      this.#silent.delete(address);
      if (!response.ok || !card.success) return undefined;
      return { name: card.data.instance, address, ...card.data };
    } catch {
      this.#countSilence(address, signal.aborted);
      return undefined;
    }
  }

  /** Aborts the requests at a silent peer. A peer that refuses connections is not silent: it may still finish its answers. */
  #countSilence(address: string, silent: boolean): void {
    const checks = silent ? (this.#silent.get(address) ?? 0) + 1 : 0;
    this.#silent.set(address, checks);
    if (checks < SILENT_CHECKS) return;
    const reason = new Error(`it did not answer ${checks} times in a row`);
    for (const pass of this.#passes) if (pass.address === address) pass.silence.abort(reason);
  }
}

interface PlannedRequest {
  fields: object;
  planned: Pick<AnswerPlan, 'prompts'>;
  /** See cache-salt.ts. */
  salt: string;
  record: RequestRecord;
  relayed: Relayed;
}

/**
 * Returns the answer of the gateway to which the prompt belongs. Undefined if that is this gateway, or if the other gateway has no
 * answer. If the client named an alias, the request that is passed on names the version that was drawn here, so that the other
 * gateway does not draw again.
 */
export async function passOn(
  { url, headers, signal }: Request,
  peers: Peers,
  { fields, planned: { prompts }, salt, record, relayed }: PlannedRequest,
): Promise<Response | undefined> {
  const { model = '', id: requestId, shutdown } = record;
  if (isPassedOn(headers)) return undefined;
  const key = prefixKey(model, prompts[0]?.prompt ?? [], salt);
  const address = key && peers.addressOf(key, model);
  if (address === undefined) return undefined;
  const used = Object.entries(fields).filter(([name]) => !relayed.idleFields.includes(name));
  const body = JSON.stringify({ ...Object.fromEntries(used), model });
  const sent = new Headers(headers);
  if (record.traceparent !== undefined) sent.set('traceparent', record.traceparent);
  const path = new URL(url).pathname;
  const { broken } = relayed;
  return await peers.pass(address, { path, headers: sent, body, signal, requestId, broken, shutdown });
}

/** The first bytes of an answer for the client. Undefined if this gateway has to answer. A 429 is read whole to find its code. */
async function finalPart({ status, body }: PeerAnswer): Promise<Uint8Array | undefined> {
  if (!FINAL.has(status)) return undefined;
  if (status !== 429) return Buffer.alloc(0);
  const text = await wholeText(body, LARGEST_REFUSAL, 'refusal');
  return text.includes('"queue_full"') ? undefined : text;
}

/** Throws as soon as there are more than `most` bytes. `what` is the name of the text in the error. */
async function wholeText(
  body: AsyncIterable<Uint8Array> | readonly Uint8Array[],
  most: number,
  what: string,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    parts.push(part);
    length += part.length;
    if (length > most) throw new Error(`its ${what} is longer than ${most} bytes`);
  }
  return Buffer.concat(parts);
}

interface StreamOptions {
  first: Uint8Array;
  /** Called with the reason if the answer breaks off. */
  lost: (cause: unknown) => void;
  over: () => void;
  /** The text that ends a stream which broke after `events` events. */
  ending: (error: ApiError, events: number) => string;
  shutdown: Shutdown;
}

/** If a stream of events breaks, an error event follows its last whole event, as in a stream that this gateway computes. */
function streamed(
  { headers, body, cancel }: PeerAnswer,
  { first, lost, over: passed, ending, shutdown }: StreamOptions,
): ReadableStream<Uint8Array> {
  const uncut = shutdown.onCut(cancel);
  const over = () => {
    uncut();
    passed();
  };
  const isStream = headers.get('content-type')?.startsWith('text/event-stream') === true;
  const events = isStream ? new WholeEvents() : undefined;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (first.length > 0) controller.enqueue(first);
    },
    async pull(controller) {
      try {
        for (let next = await body.next(); next.done !== true; next = await body.next()) {
          const whole = events === undefined ? next.value : events.push(next.value);
          if (whole.length === 0) continue;
          controller.enqueue(whole);
          return;
        }
        const rest = events?.rest();
        if (rest !== undefined && rest.length > 0) controller.enqueue(rest);
      } catch (cause) {
        over();
        if (events === undefined) throw cause;
        if (!(cause instanceof ApiError)) lost(cause);
        const error = cause instanceof ApiError ? cause : gatewayLost();
        controller.enqueue(new TextEncoder().encode(ending(error, events.count)));
      }
      over();
      controller.close();
    },
    cancel() {
      over();
      cancel();
    },
  });
}
