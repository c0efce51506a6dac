// One shard as the gateway sees it: what it can be called for, how it fares, and calls to it. Knows rows of floats; no
// sockets, no choice between shards.
import { setTimeout as delay } from 'node:timers/promises';
import type { SignedPlacement } from '../../experts/placing/placement-file.ts';
import type { PlacementId } from '../../experts/placing/placement-id.ts';
import type { HoldingRange } from '../../experts/runs.ts';
import type { ModelOffer } from '../../experts/wire/model.ts';
import type { RunAnswer, RunRequest } from '../../experts/wire/run.ts';
import type { CallOptions } from '../../rpc/transport.ts';
import { Driver } from './driver.ts';
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

  /** Names all that decides the bits of its answers: how it computes, and with which bytes. */
  get bitsOf(): string | undefined {
    const { numericsClass, content } = this.offer ?? {};
    return numericsClass && `${numericsClass} ${content}`;
  }

  /** What placements call it. */
  get name(): string | undefined {
    return this.link?.name;
  }

  /** Memory of its process; undefined while it is away, or if it does not say. */
  get residentBytes(): number | undefined {
    return this.link?.residentBytes;
  }

  /** The placement that it follows. */
  get placement(): SignedPlacement | undefined {
    return this.link?.placement;
  }

  /** What it can be called for now: nothing while it is away, leaving or not trusted. */
  get holdings(): readonly HoldingRange[] {
    return this.state === 'available' ? this.lastHeld : [];
  }

  /** What one frame to it may hold. */
  get limits(): { rows: number; asks: number } {
    return this.link?.limits ?? { rows: 1, asks: 1 };
  }

  /** Milliseconds that one more call is expected to take. */
  cost(): number {
    return this.calls.cost();
  }

  run(request: RunRequest, options: CallOptions): Promise<RunAnswer> {
    return this.calls.run(this.link, request, options);
  }

  /** To be called if a call was not answered for a long time. The shard is then `silent` for one second. */
  noteSilence(): void {
    this.calls.timing.noteSilence();
  }

  get silent(): boolean {
    return this.calls.timing.silent;
  }

  /** It has answered wrongly: no more calls until its cordon is over and it has passed golden checks. */
  accuse(reason: string, suspects: readonly Unit[] = []): void {
    if (!this.isHere) this.feed({ type: 'wrong', reason, suspects });
  }

  /** It failed a call, or gave a number that is not finite: it may be to blame. */
  suspect(reason: string, suspects: readonly Unit[]): void {
    if (!this.isHere) this.feed({ type: 'suspected', reason, suspects });
  }

  /** Tells it which placement is acted on, and brings it a newer one than it follows, each once. */
  tellPlacement(acted: PlacementId, newer: SignedPlacement | undefined): void {
    this.telling?.tell(acted, newer);
  }

  /** Takes no new calls from here on; closes, and resolves, once those in flight have ended. */
  async retire(): Promise<void> {
    if (this.state === 'retired') return;
    this.feed({ type: 'removed' });
    this.log('info', 'is no longer a member');
    while (this.inFlight > 0) await delay(20, undefined, { ref: false });
    this.close();
  }
}
