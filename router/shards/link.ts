// One connection to a shard, from an accepted hello until the connection is lost.
import { firstNonFinite } from '../../base/finite.ts';
import { readPlacement, type SignedPlacement } from '../../experts/placing/placement-file.ts';
import type { HoldingRange } from '../../experts/runs.ts';
import type { FrameLimits } from '../../experts/wire/bounds.ts';
import {
  type HelloAnswer,
  helloParams,
  PROTOCOL_VERSION,
  parseHelloAnswer,
  parseMemory,
} from '../../experts/wire/hello.ts';
import { LEAVE_FEATURE, type LeaveView, leaveViewToParams, parseMayLeave } from '../../experts/wire/leave.ts';
import { type ModelOffer, type ModelShape, parseHoldingRanges } from '../../experts/wire/model.ts';
import { parsePlacementField } from '../../experts/wire/placement.ts';
import {
  parseRunAnswer,
  type RunAnswer,
  type RunRequest,
  runRequestToParams,
} from '../../experts/wire/run.ts';
import { RpcError, toRpcError } from '../../rpc/errors.ts';
import type { CallOptions, Line, Params, Transport, Value } from '../../rpc/transport.ts';
import type { Member } from './member.ts';

export interface LinkOptions {
  member: Member;
  model: ModelShape;
  /** Identities of the gateway's other models, which the shard may serve instead. */
  siblings?: readonly string[] | undefined;
  /** Release of this gateway, for the shard's logs. */
  version: string;
  signal: AbortSignal;
  /** Called when the shard's holdings or placement have changed, or when it is leaving. */
  onChange: () => void;
  /** Called when the shard asks to leave service. Returns the units that would be lost. */
  onMayLeave: (holdings: readonly HoldingRange[]) => Pick<LeaveView, 'alone' | 'contested'>;
  /** Called when a shard that has asked to leave stays. */
  onStays: () => void;
}

export interface Link {
  readonly transport: Transport;
  readonly offer: ModelOffer;
  readonly limits: Pick<FrameLimits, 'rows' | 'asks'>;
  /** Identifies the shard's process. */
  readonly instance: string;
  run(request: RunRequest, options: CallOptions): Promise<RunAnswer>;
  /** The connection for calls that the addon sends; undefined if it cannot send them. */
  line(bulk: boolean): Line | undefined;
  /** Resolves with the answer to a call that the addon has sent over `line` under `id`. */
  answerTo(line: Line, id: number, call: SentCall, options: CallOptions): Promise<RunAnswer>;
  /** Resolves (never rejects) with the reason when the connection is lost. */
  readonly lost: Promise<RpcError>;
  holdings: readonly HoldingRange[];
  /** The placement that the shard follows. */
  placement: SignedPlacement | undefined;
  /** The name of the shard in placements. */
  readonly name: string | undefined;
  /** The zone that the shard names. */
  readonly zone: string | undefined;
  /** Memory of the shard's process in its last report; undefined before the first report. */
  residentBytes: number | undefined;
  /** The shard takes no more calls, but answers those in flight. */
  draining: boolean;
}

/** What the answer to a call is checked against. `asks`: pairs (row, expert). */
export type SentCall = Pick<RunRequest, 'layer'> & { asks: ArrayLike<number> };

/** Deadline for answering a shard that wants to leave. */
const LEAVE_MS = 5_000;

/** The shard holds nothing of this model and serves other models of this gateway. */
export class ServesSiblings extends RpcError {
  constructor() {
    super('incompatible', "it serves only other models of this gateway's");
  }
}

/** Rejects with `incompatible` if the shard was reached and does not fit. Another attempt soon after would fail too. */
export async function openLink(options: LinkOptions): Promise<Link> {
  const { member, version, signal } = options;
  const { promise: lost, resolve: tellLost } = Promise.withResolvers<RpcError>();
  // Notifications may arrive before the link exists. They are kept and applied to it.
  const early: Parameters<typeof hear>[] = [];
  let hear = (method: string, params: Params): void => void early.push([method, params]);
  const hello = helloParams({
    protocol: PROTOCOL_VERSION,
    role: 'gateway',
    version,
    features: [LEAVE_FEATURE],
  });
  const transport = await member.connect({
    hello,
    signal,
    onNotification: (method, params) => hear(method, params),
    onClose: tellLost,
  });
  try {
    const link = linkOver(transport, options, lost);
    hear = (method, params) => {
      try {
        if (heard(link, options, method, params)) options.onChange();
      } catch (cause) {
        // The shard's holdings or placement are unknown now. A new connection will read them from the answer to hello.
        transport.close();
        tellLost(toRpcError(cause));
      }
    };
    for (const told of early) hear(...told);
    return link;
  } catch (error) {
    transport.close();
    throw error;
  }
}

function linkOver(
  transport: Transport,
  { member, model, siblings }: LinkOptions,
  lost: Promise<RpcError>,
): Link {
  const answer = parseGreeting(transport);
  const offer = checkOffer(answer, model, siblings);
  return {
    transport,
    offer,
    // A shard in this process (`member.run`) gets no frames. Its only limit is that `asks` stores row numbers in 16 bits.
    limits: member.run === undefined ? answer.limits : { rows: 0xffff, asks: 0xffff },
    run: member.run ?? ((request, options) => runByCall(transport, request, options, model.hidden)),
    line: (bulk) => (member.run === undefined ? transport.line?.(bulk) : undefined),
    async answerTo(line, id, call, options) {
      return checkAnswer(await line.answerTo(id, 'expert.run', options), call, model.hidden);
    },
    lost,
    holdings: offer.holdings,
    placement: offer.placement === undefined ? undefined : readPlacementField(offer),
    name: answer.name,
    zone: answer.zone,
    residentBytes: answer.residentBytes,
    instance: answer.instance,
    draining: false,
  };
}

/** Applies a notification to the link. Returns true if the fleet must be informed. Throws if the message is malformed. */
function heard(link: Link, options: LinkOptions, method: string, params: Params): boolean {
  const { model, onMayLeave, onStays } = options;
  const ofThisModel = params.model === model.identity;
  if (method === 'draining') link.draining = true;
  else if (method === 'holdings' && ofThisModel) link.holdings = parseHoldingRanges(params, model);
  else if (method === 'placement' && ofThisModel) link.placement = readPlacementField(params);
  else {
    if (method === 'memory') link.residentBytes = parseMemory(params);
    else if (method === 'stays') onStays();
    else if (method === 'may_leave') {
      const view = { ask: parseMayLeave(params), model: model.identity, ...onMayLeave(link.holdings) };
      // There is no retry. A shard that does not get this answer stays in service, or is no longer connected.
      link.transport.call('shard.leave', leaveViewToParams(view), { deadlineMs: LEAVE_MS }).catch(() => {});
    }
    return false;
  }
  return true;
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
  return checkAnswer(value, request, hidden);
}

function checkAnswer(value: Value, { layer, asks }: SentCall, hidden: number): RunAnswer {
  const answer = parseAnswer(value, asks.length / 2, hidden);
  const bad = firstNonFinite(answer.rows);
  if (bad === undefined) return answer;
  const expert = asks[2 * Math.floor(bad / hidden) + 1];
  throw new RpcError('internal', `expert ${expert} of layer ${layer} gave a number that is not finite`);
}

/** A malformed answer is the shard's fault, so the error is `internal`, as for a number that is not finite. */
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

/** Returns the shard's offer of `model`. Throws an error that names the difference if there is no fitting offer. */
function checkOffer(answer: HelloAnswer, model: ModelShape, siblings: readonly string[] = []): ModelOffer {
  if (answer.state === 'draining') throw new RpcError('draining', 'it is leaving service');
  const offer = answer.models.find(({ identity }) => identity === model.identity);
  if (offer === undefined) {
    if (answer.models.some(({ identity }) => siblings.includes(identity))) throw new ServesSiblings();
    const offered = answer.models.map(({ identity }) => identity).join(', ') || 'no model';
    throw new RpcError('incompatible', `it serves ${offered}; this gateway serves ${model.identity}`);
  }
  for (const dimension of ['layers', 'experts', 'hidden'] as const) {
    if (offer[dimension] !== model[dimension]) {
      const message = `its model has ${dimension} ${offer[dimension]}, this gateway's model has ${model[dimension]}`;
      throw new RpcError('incompatible', message);
    }
  }
  return offer;
}
