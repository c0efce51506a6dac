// Chooses whose specification is read next: that of the waiting tenant with the least used time. Recent use counts more than
// old use. A tenant that has used the thread much must rest for as long as its last specification took. So one tenant keeps a
// core busy at most half of the time. Pure.
//
// Worked example: tenant A has used 2,800 ms within seconds, tenant B nothing. B's specification is read before A's. If A's last
// specification took 800 ms, A's next one is read 800 ms after the end of the last one.

/** The used time of a tenant decays: it counts half after this time. */
const HALF_LIFE_MS = 10_000;
/** A tenant whose used time is below this need not rest. */
const MUCH_MS = 2000;
/** Most waiting jobs of all tenants together. One tenant may have as many as the others leave free. */
const MOST_WAITING = 256;

interface Account<Job> {
  waiting: Job[];
  /** Used milliseconds, decayed to the time `at`. */
  had: number;
  at: number;
  restsUntil: number;
}

export class Turns<Job> {
  readonly #accounts = new Map<string, Account<Job>>();
  #waiting = 0;

  /** Returns false if the tenant already has as many waiting jobs as there are free places. */
  add(tenant: string, job: Job, now: number): boolean {
    const account = this.#accounts.get(tenant) ?? { waiting: [], had: 0, at: now, restsUntil: now };
    if (account.waiting.length >= MOST_WAITING - this.#waiting) return false;
    this.#accounts.set(tenant, account);
    account.waiting.push(job);
    this.#waiting++;
    return true;
  }

  remove(tenant: string, job: Job): void {
    const account = this.#accounts.get(tenant);
    const at = account?.waiting.indexOf(job) ?? -1;
    if (at < 0) return;
    account?.waiting.splice(at, 1);
    this.#waiting--;
  }

  /** Takes the next job. Returns the milliseconds until one is ready if all waiting tenants rest, undefined if no job waits. */
  next(now: number): { tenant: string; job: Job } | { restMs: number } | undefined {
    let first: [tenant: string, Account<Job>] | undefined;
    let restMs = Number.POSITIVE_INFINITY;
    for (const [tenant, account] of this.#accounts) {
      settle(account, now);
      if (account.waiting.length === 0) {
        if (account.had < 1 && account.restsUntil <= now) this.#accounts.delete(tenant);
      } else if (account.restsUntil > now) restMs = Math.min(restMs, account.restsUntil - now);
      else if (first === undefined || account.had < first[1].had) first = [tenant, account];
    }
    const job = first?.[1].waiting.shift();
    if (first === undefined || job === undefined) {
      return restMs < Number.POSITIVE_INFINITY ? { restMs } : undefined;
    }
    this.#waiting--;
    return { tenant: first[0], job };
  }

  /** Charges a finished job to its tenant. */
  had(tenant: string, ms: number, now: number): void {
    const account = this.#accounts.get(tenant) ?? { waiting: [], had: 0, at: now, restsUntil: now };
    this.#accounts.set(tenant, account);
    settle(account, now);
    account.had += ms;
    if (account.had > MUCH_MS) account.restsUntil = now + ms;
  }
}

/** Lets the used time decay until `now`. */
function settle(account: { had: number; at: number }, now: number): void {
  account.had *= 2 ** ((account.at - now) / HALF_LIFE_MS);
  account.at = now;
}
