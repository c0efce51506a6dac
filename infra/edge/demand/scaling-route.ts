// GET /v1/scaling of the edge: which regions an autoscaler should run.
import type { Context } from 'hono';
import { type OperatorSecrets, operatorRefusal } from '../accounts/operators.ts';
import { type EdgeError, errorAnswer } from '../errors.ts';
import { requestIdOf } from '../requests/call.ts';
import type { LogEntry } from '../send.ts';
import type { Hashing } from '../sign.ts';
import type { Demand } from './demand.ts';

const unavailable: EdgeError = {
  status: 503,
  message: 'The edge cannot read the demand for its regions now. Try again.',
  code: 'demand_unavailable',
  retryAfter: 1,
};

interface Options {
  /** Undefined: everybody may read it, as they may read /health/ready. */
  secrets: OperatorSecrets | undefined;
  hashing: Hashing;
  log: (entry: LogEntry) => void;
}

export function scalingRoute(demand: Demand, { secrets, hashing, log }: Options) {
  return async (c: Context): Promise<Response> => {
    const refuse = (error: EdgeError) =>
      errorAnswer(error, { format: 'choices', requestId: requestIdOf(c.req.raw.headers) });
    const refused = secrets && (await operatorRefusal(c.req.raw, { secrets, hashing }));
    if (refused !== undefined) return refuse(refused);
    try {
      return c.json(await demand.report());
    } catch (cause) {
      const { code } = unavailable;
      log({
        level: 'error',
        code,
        message: 'the demand for regions could not be read',
        cause: String(cause),
      });
      return refuse(unavailable);
    }
  };
}
