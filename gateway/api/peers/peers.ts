// The other gateways of the same shards: which of them are alive, and passing a request on to the one that has probably computed
// the beginning of its prompt before.

import { z } from 'zod';
import { errorText } from '../../../base/error-text.ts';
import type { AnswerPlan } from '../answers/respond.ts';
import { ApiError, ClientGone } from '../errors.ts';
import { Shutdown } from '../shutdown.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import { askPeer, type Passed, type PeerAnswer } from './pass-on.ts';
import { gatewayLost, type Relayed, relayedChoices } from './relayed.ts';
import { prefixKey, rendezvous } from './rendezvous.ts';
import { WholeEvents } from './whole-events.ts';

/** Marks a request that was passed on, so that the other gateway answers it itself. */
export const FORWARDED = 'x-expertgrid-forwarded';

/** Largest size in bytes of a peer's card, and of a refusal that is read as a whole. */
const LARGEST_CARD = 256 * 1024;
const LARGEST_REFUSAL = 1024 * 1024;

const peerCard = z.object({
  /** Drawn when the process starts. Two addresses with the same instance are one gateway. */
  instance: z.string().min(1).max(128),
  /** Identity of each model's checkpoint by the model's id, because two gateways may use an id for different models. */
  models: z.record(z.string().max(512), z.string().max(512)),
});

/** The answer of GET /peer. */
export type PeerCard = z.infer<typeof peerCard>;

export interface PeersOptions {
  card: PeerCard;
  /** The current `host:port` of all gateways, which may include this one. */
  addresses: () => readonly string[];
  log: (message: string) => void;
  everyMs?: number;
  /** A peer that takes longer to answer counts as not alive. */
  patienceMs?: number;
  fetch?: typeof fetch;
}

interface Peer extends PeerCard {
  /** Its instance, which determines its share of the prompts. */
  name: string;
  address: string;
}

/** Statuses that this gateway would return as well. Any other status is a problem of the peer, and the request is answered here. */
const FINAL: ReadonlySet<number> = new Set([200, 400, 413, 429]);

/** Number of consecutive checks without an answer after which the requests at a peer are aborted. */
const SILENT_LOOKS = 2;

export class Peers {
  readonly #options: Required<PeersOptions>;
  #alive: readonly Peer[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Number of consecutive checks without an answer, by address. */
  readonly #silent = new Map<string, number>();
  /** Requests that are at a peer. */
  readonly #passes = new Set<{ address: string; silence: AbortController }>();

  constructor(options: PeersOptions) {
    this.#options = { everyMs: 2_000, patienceMs: 1_000, fetch, ...options };
    void this.#look();
  }

  get alive(): readonly { address: string; instance: string }[] {
    return this.#alive;
  }

  /** The address of the peer that the key belongs to. Undefined if it belongs to this gateway. */
  addressOf(key: string, model: string): string | undefined {
    const identity = this.#options.card.models[model];
    const self = { name: this.#options.card.instance, address: undefined };
    const others = this.#alive.filter(({ models }) => models[model] === identity);
    return rendezvous(key, [self, ...others]).address;
  }

  /**
   * The peer's answer as a stream. Undefined if the peer has no answer, so that this gateway has to compute it. A peer that cannot
   * be reached counts as not alive.
   */
  async pass(
    address: string,
    {
      requestId,
      broken = relayedChoices.broken,
      shutdown = new Shutdown(),
      ...passed
    }: Passed & { requestId: string; broken?: Relayed['broken']; shutdown?: Shutdown },
  ) {
    const { signal } = passed;
    const silence = new AbortController();
    const pass = { address, silence };
    this.#passes.add(pass);
    const over = () => void this.#passes.delete(pass);
    try {
      const ended = AbortSignal.any([signal, silence.signal]);
      const added = { [FORWARDED]: this.#options.card.instance, 'x-request-id': requestId };
      const answer = await askPeer(address, { ...passed, signal: ended }, added);
      const first = await finalPart(answer);
      if (first === undefined) {
        answer.cancel();
        over();
        this.#options.log(`gateway ${address} refused a request (${answer.status}), which is computed here`);
        return undefined;
      }
      const { status, headers } = answer;
      headers.set('x-expertgrid-gateway', address);
      const end = (error: ApiError, events: number) => broken(error, { requestId, events });
      const lost = (cause: unknown) =>
        this.#options.log(`gateway ${address} was lost during an answer: ${errorText(cause)}`);
      const onCut = (cut: (error: ApiError) => void) => shutdown.onCut(cut);
      return new Response(streamed(answer, { first, lost, over, end, onCut }), { status, headers });
    } catch (cause) {
      over();
      if (signal.aborted) throw new ClientGone({ cause });
      this.#alive = this.#alive.filter((peer) => peer.address !== address);
      this.#options.log(
        `gateway ${address} could not be reached, so its prompts are computed here: ${errorText(cause)}`,
      );
      return undefined;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const { addresses, card, everyMs } = this.#options;
    const found = await Promise.all(addresses().map((address) => this.#ask(address)));
    const self = card.instance;
    const others = found.filter((peer) => peer !== undefined).filter(({ instance }) => instance !== self);
    this.#alive = others.filter(
      ({ instance }, i) => others.findIndex((each) => each.instance === instance) === i,
    );
    this.#timer = setTimeout(() => void this.#look(), everyMs).unref();
  }

  async #ask(address: string): Promise<Peer | undefined> {
    const signal = AbortSignal.timeout(this.#options.patienceMs);
    try {
      const response = await this.#options.fetch(`http://${address}/peer`, { signal, redirect: 'error' });
      const card = peerCard.safeParse(JSON.parse(await wholeText(response.body, LARGEST_CARD)));
      this.#silent.delete(address);
      if (!response.ok || !card.success) return undefined;
      return { name: card.data.instance, address, ...card.data };
    } catch {
      this.#heardNothing(address, signal.aborted);
      return undefined; // the next check asks it again
    }
  }

  /** A peer that refuses connections may still end its answers. A silent one may never answer, so its requests are aborted. */
  #heardNothing(address: string, silent: boolean): void {
    const looks = silent ? (this.#silent.get(address) ?? 0) + 1 : 0;
    this.#silent.set(address, looks);
    if (looks < SILENT_LOOKS) return;
    const reason = new Error(`it did not answer ${looks} times in a row`);
    for (const pass of this.#passes) if (pass.address === address) pass.silence.abort(reason);
  }
}

/**
 * The answer of the gateway that the prompt belongs to. Undefined if that is this gateway, or if it has no answer. The request
 * names the version that was drawn here, so that an alias is drawn only once.
 */
export async function passOn(
  { url, headers, signal }: Request,
  peers: Peers,
  {
    fields,
    planned,
    salt,
    record,
    relayed,
  }: {
    fields: object;
    planned: Pick<AnswerPlan, 'prompts'>;
    salt: string;
    record: RequestRecord;
    relayed: Relayed;
  },
): Promise<Response | undefined> {
  const { model = '', id: requestId } = record;
  if (headers.has(FORWARDED)) return undefined;
  const { prompts } = planned;
  const key = prefixKey(model, prompts[0]?.prompt ?? [], salt);
  const address = key && peers.addressOf(key, model);
  if (address === undefined) return undefined;
  const used = Object.entries(fields).filter(([name]) => !relayed.idleFields.includes(name));
  const body = JSON.stringify({ ...Object.fromEntries(used), model });
  const sent = new Headers(headers);
  if (record.traceparent !== undefined) sent.set('traceparent', record.traceparent);
  const path = new URL(url).pathname;
  const { broken } = relayed;
  const { shutdown } = record;
  return await peers.pass(address, { path, headers: sent, body, signal, requestId, broken, shutdown });
}

/** The first bytes of an answer for the client. Undefined: it is not for the client. A 429 is read as a whole to see its code. */
async function finalPart({ status, body }: PeerAnswer): Promise<Uint8Array | undefined> {
  if (!FINAL.has(status)) return undefined;
  const parts: Uint8Array[] = [];
  if (status !== 429) return Buffer.concat(parts);
  let length = 0;
  for (let part = await body.next(); part.done !== true; part = await body.next()) {
    parts.push(part.value);
    length += part.value.length;
    if (length > LARGEST_REFUSAL) throw new Error(`its refusal is longer than ${LARGEST_REFUSAL} bytes`);
  }
  const text = Buffer.concat(parts);
  return text.includes('"queue_full"') ? undefined : text;
}

/** Throws as soon as there are more than `most` bytes. */
async function wholeText(body: ReadableStream<Uint8Array> | null, most: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body ?? []) {
    parts.push(part);
    length += part.length;
    if (length > most) throw new Error(`its card is longer than ${most} bytes`);
  }
  return Buffer.concat(parts).toString();
}

/** If a stream of events breaks, an error event follows its last whole event, as in a stream of this gateway. */
function streamed(
  { headers, body, cancel }: PeerAnswer,
  {
    first,
    lost,
    over: passed,
    end,
    onCut,
  }: {
    first: Uint8Array;
    /** Called with the reason if the answer breaks off. */
    lost: (cause: unknown) => void;
    over: () => void;
    /** The text that ends the stream after so many events. */
    end: (error: ApiError, events: number) => string;
    /** Registers a function that this server calls to end the stream. Returns a function that unregisters it. */
    onCut: (cut: (error: ApiError) => void) => () => void;
  },
): ReadableStream<Uint8Array> {
  const uncut = onCut(cancel);
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
        const last = end(error, events.count);
        controller.enqueue(new TextEncoder().encode(last));
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
