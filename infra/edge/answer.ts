// Answers one request to the API: checks its key, places it in a region, admits it, and relays it.
import type { Account } from './accounts/account.ts';
import { type Accounts, callerOf } from './accounts/accounts.ts';
import type { Demand } from './demand/demand.ts';
import { type EdgeError, errorAnswer, internal } from './errors.ts';
import type { ServedModels } from './gateways/served-models.ts';
import { noUsage, type Outcome } from './limits/ticket.ts';
import { asksForModels, modelsAnswer } from './models.ts';
import { nearest } from './regions/distance.ts';
import type { Place, Region } from './regions/regions.ts';
import { relay } from './relay.ts';
import type { HeldBytes } from './requests/body-memory.ts';
import { anyone, readCall } from './requests/call.ts';
import type { Endpoint } from './requests/endpoints.ts';
import type { Shared } from './send.ts';

interface Options {
  secret?: (() => string) | undefined;
  regions: readonly Region[];
  maxBody: number;
  addressOf?: (request: Request) => string | undefined;
  placeOf?: (request: Request) => Place | undefined;
}

interface Answering {
  endpoint: Endpoint;
  requestId: string;
  /** Keeps the host from ending work that goes on after the answer. */
  hold: (work: Promise<unknown>) => void;
}

interface Parts {
  shared: Shared;
  accounts: Accounts | undefined;
  models: ServedModels;
  demand: Demand | undefined;
}

/** Bytes. The edge adds its claims, and a gateway reads 16 KiB. */
const LARGEST_HEADERS = 12 * 1024;

const headersTooLarge: EdgeError = {
  status: 431,
  message: `The headers of your request have more than ${LARGEST_HEADERS} bytes.`,
  code: 'headers_too_large',
};

function sizeOf(headers: Headers): number {
  let size = 0;
  for (const [name, value] of headers) size += name.length + value.length + 4;
  return size;
}

const noRegion: EdgeError = {
  status: 403,
  message: 'Your key may use none of the regions of this edge. Ask the operator.',
  code: 'region_not_allowed',
};

/** A request that has ended because of a fault of the edge. */
const fault: Outcome = {
  ...{ status: internal.status, regions: [], resumes: 0 },
  ...{ usage: noUsage, isFinal: true, gateway: undefined },
};

export function answering(
  { secret, regions, maxBody, addressOf, placeOf }: Options,
  { shared, accounts, models, demand }: Parts,
) {
  /** Names of the regions that may serve the request, the best one first. */
  async function regionsFor(
    request: Request,
    {
      key,
      model,
      allowed,
    }: { key: string | undefined; model: string | undefined; allowed: readonly string[] | null },
  ): Promise<readonly string[]> {
    const order = nearest(
      regions.filter(({ name }) => allowed === null || allowed.includes(name)),
      {
        place: placeOf?.(request),
        roundTrip: (name) => shared.gateways.roundTrip(name),
        key,
        random: Math.random(),
      },
    );
    return await models.serving(model, order);
  }

  return async (request: Request, answering: Answering) => {
    const { endpoint, requestId } = answering;
    const refuse = (error: EdgeError) => errorAnswer(error, { format: endpoint.format, requestId });
    if (sizeOf(request.headers) > LARGEST_HEADERS) return refuse(headersTooLarge);
    const entered = await accounts?.enter(request);
    if (entered !== undefined && 'error' in entered) return refuse(entered.error);
    const held = shared.memory.open();
    try {
      return await answerTo(request, entered?.account, { ...answering, held });
    } finally {
      held.release();
    }
  };

  async function answerTo(
    request: Request,
    account: Account | undefined,
    { endpoint, requestId, hold, held }: Answering & { held: HeldBytes },
  ): Promise<Response> {
    const refuse = (error: EdgeError) => errorAnswer(error, { format: endpoint.format, requestId });
    const read = await readCall(request, {
      ...{ id: requestId, endpoint, maxBody, held },
      signed: secret !== undefined,
      caller: account === undefined ? anyone : callerOf(account),
      address: addressOf?.(request),
      // Without a secret, the gateways tell the edge nothing, so it need not know what a request asks for.
      decodes: account !== undefined || (secret !== undefined && regions.length > 1),
    });
    if ('error' in read) return refuse(read.error);
    const allowed = account?.regions ?? null;
    const placed = await regionsFor(request, { key: read.key, model: read.fields.model, allowed });
    const [first] = placed;
    if (first === undefined) return refuse(noRegion);
    const call = { ...read, regions: placed };
    const admitted = account && (await accounts?.admit(account, call, hold));
    if (admitted !== undefined && 'error' in admitted) return refuse(admitted.error);
    // Reading must not start a cell, because monitors read all the time.
    if (demand !== undefined && request.method === 'POST') hold(demand.want(first));
    if (asksForModels(call)) return await modelsAnswer(call, shared, account?.models ?? null);
    const ticket = admitted?.ticket;
    try {
      return await relay({ ...call, ticket }, shared);
    } catch (error) {
      await ticket?.end(fault);
      throw error;
    }
  }
}
