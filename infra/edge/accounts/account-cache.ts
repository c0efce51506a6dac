// Remembers keys for a short time, so that not every request asks the database.
import type { Account } from './account.ts';
import type { AccountStore } from './account-store.ts';

/** A change of a key takes effect everywhere within this time. */
export const CACHED_MS = 10_000;
/** Number of secrets that are remembered. */
const MOST_KNOWN = 10_000;
/** Number of wrong secrets that are remembered. They have a room of their own, so that guesses do not displace keys. */
const MOST_WRONG = 1_000;

interface Entry {
  found: Promise<Account | undefined>;
  at: number;
}

export class AccountCache {
  readonly #store: Pick<AccountStore, 'bySecret'>;
  readonly #known = new Map<string, Entry>();
  readonly #wrong = new Map<string, Entry>();

  constructor(store: Pick<AccountStore, 'bySecret'>) {
    this.#store = store;
  }

  /** Rejects if the database cannot be asked. `now` is in Unix milliseconds. */
  async bySecret(secret: string, now: number): Promise<Account | undefined> {
    const entry = this.#known.get(secret) ?? this.#wrong.get(secret);
    if (entry !== undefined && now - entry.at < CACHED_MS && now >= entry.at) return await entry.found;
    return await this.#ask(secret, now);
  }

  /** Called when a key has changed. */
  clear(): void {
    this.#known.clear();
    this.#wrong.clear();
  }

  async #ask(secret: string, now: number): Promise<Account | undefined> {
    const asked: Entry = { found: this.#store.bySecret(secret, now), at: now };
    // Requests that come meanwhile wait for the same answer.
    remember(this.#known, secret, asked, MOST_KNOWN);
    try {
      const found = await asked.found;
      if (found === undefined && this.#known.get(secret) === asked) {
        this.#known.delete(secret);
        remember(this.#wrong, secret, asked, MOST_WRONG);
      }
      return found;
    } catch (error) {
      if (this.#known.get(secret) === asked) this.#known.delete(secret);
      throw error;
    }
  }
}

/** Forgets the oldest entry if there are too many. */
function remember(entries: Map<string, Entry>, secret: string, entry: Entry, most: number): void {
  entries.delete(secret);
  entries.set(secret, entry);
  if (entries.size <= most) return;
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}
