// One shard as the gateway sees it: its state, the units that it can be called for, and the calls to it. Knows no sockets, and
// does not choose between shards.
import { setTimeout as delay } from 'node:timers/promises';
import type { SignedPlacement } from '../../experts/placing/placement-file.ts';
import type { PlacementId } from '../../experts/placing/placement-id.ts';
import type { HoldingRange } from '../../experts/runs.ts';
import type { ModelOffer } from '../../experts/wire/model.ts';
import type { RunAnswer, RunRequest } from '../../experts/wire/run.ts';
import { RpcError } from '../../rpc/errors.ts';
import type { CallOptions, Line } from '../../rpc/transport.ts';
import type { Calls } from './calls.ts';
import { Driver } from './driver.ts';
import type { SentCall } from './link.ts';
import type { Unit } from './units.ts';

export class Shard extends Driver {
  get connected(): boolean {
    return this.link !== undefined;
  }

  get inFlight(): number {
    return this.calls.inFlight;
  }

  get offer(): ModelOffer | undefined {
    return this.link?.offer;
  }

  get numericsClass(): string | undefined {
    return this.offer?.numericsClass;
  }

  /** Numerics class and content hash of the bundle. Shards with the same string answer with the same bits. */
  get bitsOf(): string | undefined {
    const { numericsClass, content } = this.offer ?? {};
    return numericsClass && `${numericsClass} ${content}`;
  }

  /** Name of the shard in placements. */
  get name(): string | undefined {
    return this.link?.name;
  }

  /** Memory of the shard's process; undefined while the shard is away, or if it does not report its memory. */
  get residentBytes(): number | undefined {
    return this.link?.residentBytes;
  }

  /** The placement that the shard follows. */
  get placement(): SignedPlacement | undefined {
    return this.link?.placement;
  }

  /** The units that the shard can be called for now; none unless it is `available`. */
  get holdings(): readonly HoldingRange[] {
    return this.state === 'available' ? this.lastHeld : [];
  }

  /** Most rows, and most (row, expert) pairs (`asks`), in one frame. */
  get limits(): { rows: number; asks: number } {
    return this.link?.limits ?? { rows: 1, asks: 1 };
  }

  /** Expected milliseconds of one more call. */
  cost(): number {
    return this.calls.cost();
  }

  run(request: RunRequest, options: CallOptions): Promise<RunAnswer> {
    return this.calls.run(this.link, request, options);
  }

  /** The connection for a call that the addon sends; undefined if the call must go another way. `bulk`: prefill rows. */
  line(bulk: boolean): Line | undefined {
    return this.link?.line(bulk);
  }

  /** Resolves with the late answer to a call that the addon has sent. `open` is from `calls.open`. */
  answerTo(
    line: Line,
    id: number,
    open: ReturnType<Calls['open']>,
    call: SentCall,
    options: CallOptions,
  ): Promise<RunAnswer> {
    const { link } = this;
    return this.calls.settle(open, () => {
      if (link === undefined) throw new RpcError('unavailable', 'not connected');
      return link.answerTo(line, id, call, options);
    });
  }

  /** To be called if a call was not answered for a long time. The shard is then `silent` for one second. */
  noteSilence(): void {
    this.calls.timing.noteSilence();
  }

  get silent(): boolean {
    return this.calls.timing.silent;
  }

  /** To be called if the shard has answered wrongly. It is cordoned, and called again after it has passed golden checks. */
  accuse(reason: string, suspects: readonly Unit[] = []): void {
    this.feed({ type: 'wrong', reason, suspects });
  }

  /** To be called if the shard failed a call or gave a number that is not finite. The shard or a row may be to blame. */
  suspect(reason: string, suspects: readonly Unit[]): void {
    this.feed({ type: 'suspected', reason, suspects });
  }

  /** See `PlacementMessages.send`. */
  sendPlacement(acted: PlacementId, newer: SignedPlacement | undefined): void {
    this.placementMessages?.send(acted, newer);
  }

  /** Takes the shard out of service. Closes the connection, and resolves, when the calls in flight have ended. */
  async retire(): Promise<void> {
    if (this.state === 'retired') return;
    this.feed({ type: 'removed' });
    this.log('info', 'is no longer a member');
    while (this.inFlight > 0) await delay(20, undefined, { ref: false });
    this.close();
  }
}
