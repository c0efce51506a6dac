// One connection to a shard, from a hello that fits to its loss. Knows no retries.
import { readPlacement, type SignedPlacement } from '../../experts/placing/placement-file.ts';
import type { HoldingRange } from '../../experts/runs.ts';
import {
  type FrameLimits,
  firstNonFinite,
  type HelloAnswer,
  helloParams,
  type LeaveView,
  leaveFeature,
  leaveViewToParams,
  type ModelOffer,
  type ModelShape,
  parseHelloAnswer,
  parseHoldingRanges,
  parseMayLeave,
  parseMemory,
  parsePlacementField,
  parseRunAnswer,
  protocolVersion,
  type RunAnswer,
  type RunRequest,
  runRequestToParams,
} from '../../experts/wire.ts';
import { RpcError, toRpcError } from '../../rpc/errors.ts';
import type { CallOptions, Params, Transport, Value } from '../../rpc/transport.ts';
import type { Member } from './member.ts';

export interface LinkOptions {
  member: Member;
  model: ModelShape;
  /** Identities of the other models that this gateway serves, over the same shards. */
  siblings?: readonly string[] | undefined;
  /** Release of this gateway, for the shard's logs. */
  version: string;
  signal: AbortSignal;
  /** Holdings or placement have changed, or the shard is leaving. */
  onChange: () => void;
  /** The shard asks whether it may leave service. What is given is its answer, which says which of its units are lost. */
  onMayLeave: (holdings: readonly HoldingRange[]) => Pick<LeaveView, 'alone' | 'contested'>;
  /** It has asked, and stays after all. */
  onStays: () => void;
}

export interface Link {
  readonly transport: Transport;
  readonly offer: ModelOffer;
  readonly limits: Pick<FrameLimits, 'rows' | 'asks'>;
  /** Of the process. */
  readonly instance: string;
  run(request: RunRequest, options: CallOptions): Promise<RunAnswer>;
  /** Resolves, never rejects, to what ended the connection. */
  readonly lost: Promise<RpcError>;
  holdings: readonly HoldingRange[];
  /** That the shard follows. */
  placement: SignedPlacement | undefined;
  /** What placements call the shard. */
  readonly name: string | undefined;
  /** Memory of its process, as it last said; undefined if it does not say. */
  residentBytes: number | undefined;
  /** Calls in flight are still answered; no more are taken. */
  draining: boolean;
}

/** Time for telling a shard what its leaving would mean. Milliseconds. */
const leaveMs = 5_000;

/** The shard is in order and holds nothing of this model: it is there for others of this gateway's. */
export class ServesSiblings extends RpcError {
  constructor() {
    super('incompatible', "it serves only other models of this gateway's");
  }
}

/** Rejects with `incompatible` where the shard was reached but does not fit; then trying again soon is no use. */
export async function openLink(options: LinkOptions): Promise<Link> {
  const { member, model, siblings, version, signal, onChange, onMayLeave, onStays } = options;
  let tellLost: (error: RpcError) => void = () => {};
  const lost = new Promise<RpcError>((resolve) => {
    tellLost = resolve;
  });
  let link: Link | undefined;
  /** What was told between the answer to hello and the link: as true as later news. */
  const early: [method: string, params: Params][] = [];

  function onNotification(method: string, params: Params): void {
    if (link === undefined) {
      early.push([method, params]);
      return;
    }
    try {
      if (hear(link, method, params)) onChange();
    } catch (cause) {
      // What it holds or follows is unknown from here on; the next hello will tell.
      link.transport.close();
      tellLost(toRpcError(cause));
    }
  }

  /** Whether it changes what the shard can be asked. Throws where the message is malformed. */
  function hear(link: Link, method: string, params: Params): boolean {
    const ofThisModel = params.model === model.identity;
    if (method === 'draining') link.draining = true;
    else if (method === 'holdings' && ofThisModel) link.holdings = parseHoldingRanges(params, model);
    else if (method === 'placement' && ofThisModel) link.placement = readPlacementField(params);
    else {
      if (method === 'memory') link.residentBytes = parseMemory(params);
      else if (method === 'stays') onStays();
      else if (method === 'may_leave') answerMayLeave(link, parseMayLeave(params));
      return false;
    }
    return true;
  }

  function answerMayLeave({ transport, holdings }: Link, ask: number): void {
    const view = { ask, model: model.identity, ...onMayLeave(holdings) };
    // Where the answer does not arrive, the shard takes this gateway for silent, or sees that it is gone.
    transport.call('shard.leave', leaveViewToParams(view), { deadlineMs: leaveMs }).catch(() => {});
  }

  const hello = helloParams({
    protocol: protocolVersion,
    role: 'gateway',
    version,
    features: [leaveFeature],
  });
  const transport = await member.connect({ hello, signal, onNotification, onClose: tellLost });
  try {
    const answer = parseGreeting(transport);
    const offer = checkOffer(answer, model, siblings);
    link = {
      transport,
      offer,
      // Rows and experts are 16-bit numbers; no frame bounds what stays in memory.
      limits: member.run === undefined ? answer.limits : { rows: 0xffff, asks: 0xffff },
      run: member.run ?? ((request, options) => runByCall(transport, request, options, model.hidden)),
      lost,
      holdings: offer.holdings,
      placement: offer.placement === undefined ? undefined : readPlacementField(offer),
      name: answer.name,
      residentBytes: answer.residentBytes,
      instance: answer.instance,
      draining: false,
    };
    for (const told of early) onNotification(...told);
    return link;
  } catch (error) {
    transport.close();
    throw error;
  }
}

function readPlacementField(fields: { placement?: Value }): SignedPlacement {
  try {
    return readPlacement(parsePlacementField({ placement: fields.placement ?? null }));
  } catch (cause) {
    throw new RpcError('incompatible', `its placement is malformed: ${toRpcError(cause).message}`, { cause });
  }
}

async function runByCall(
  transport: Transport,
  request: RunRequest,
  options: CallOptions,
  hidden: number,
): Promise<RunAnswer> {
  const value = await transport.call('expert.run', runRequestToParams(request), options);
  const answer = parseAnswer(value, request.asks.length / 2, hidden);
  const bad = firstNonFinite(answer.rows);
  if (bad === undefined) return answer;
  const expert = request.asks[2 * Math.floor(bad / hidden) + 1];
  const message = `expert ${expert} of layer ${request.layer} gave a number that is not finite`;
  throw new RpcError('internal', message);
}

/** What is malformed is a fault of the shard's, as a wrong number is. */
function parseAnswer(value: Value, asks: number, hidden: number): RunAnswer {
  try {
    return parseRunAnswer(value, asks, hidden);
  } catch (cause) {
    throw new RpcError('internal', `its answer is malformed: ${toRpcError(cause).message}`, { cause });
  }
}

function parseGreeting({ greeting }: Transport): HelloAnswer {
  try {
    return parseHelloAnswer(greeting);
  } catch (cause) {
    const { code, message } = toRpcError(cause);
    if (code === 'incompatible') throw cause;
    throw new RpcError('incompatible', `its answer to hello is malformed: ${message}`, { cause });
  }
}

/** The offer of the wanted model, or an error that says what differs. */
export function checkOffer(
  answer: HelloAnswer,
  model: ModelShape,
  siblings: readonly string[] = [],
): ModelOffer {
  if (answer.state === 'draining') throw new RpcError('draining', 'it is leaving service');
  const offer = answer.models.find(({ identity }) => identity === model.identity);
  if (offer === undefined) {
    if (answer.models.some(({ identity }) => siblings.includes(identity))) throw new ServesSiblings();
    const offered = answer.models.map(({ identity }) => identity).join(', ') || 'no model';
    throw new RpcError('incompatible', `it serves ${offered}; this gateway serves ${model.identity}`);
  }
  for (const dimension of ['layers', 'experts', 'hidden'] as const) {
    if (offer[dimension] !== model[dimension]) {
      const message = `its ${dimension} is ${offer[dimension]}, that of this gateway's model ${model[dimension]}`;
      throw new RpcError('incompatible', message);
    }
  }
  return offer;
}
