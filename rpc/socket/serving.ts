// What a server of calls offers the addon, so that it answers calls without JavaScript.
import type { Serving } from '../../kernels/wires.ts';

export interface CallServing {
  readonly handle: Serving;
  /** To be called when the caller has cancelled a call that waited for its turn. */
  noteCancelled(): void;
  /** Leaves all new calls to the handlers. */
  stop(): void;
  /** Resolves when the calls that were taken until now have ended. */
  ended(): Promise<void>;
}
