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
  account: Account | undefined;
  at: number;
}

export class AccountCache {
  readonly #store: Pick<AccountStore, 'bySecret'>;
  readonly #known = new Map<string, Entry>();
  readonly #wrong = new Map<string, Entry>();
  /** Number of changes. What was asked before a change is not remembered. */
  #version = 0;

  constructor(store: Pick<AccountStore, 'bySecret'>) {
    this.#store = store;
  }

  /** Rejects if the database cannot be asked. `now` is in Unix milliseconds. */
  async bySecret(secret: string, now: number): Promise<Account | undefined> {
    const entry = this.#known.get(secret) ?? this.#wrong.get(secret);
    if (entry !== undefined && now - entry.at < CACHED_MS && now >= entry.at) return entry.account;
    const version = this.#version;
    const account = await this.#store.bySecret(secret, now);
    if (version === this.#version) this.#remember(secret, { account, at: now });
    return account;
  }

  /** Called when a key has changed. */
  clear(): void {
    this.#version++;
    this.#known.clear();
    this.#wrong.clear();
  }

  #remember(secret: string, entry: Entry): void {
    const [entries, most] =
      entry.account === undefined ? [this.#wrong, MOST_WRONG] : [this.#known, MOST_KNOWN];
    entries.delete(secret);
    entries.set(secret, entry);
    if (entries.size <= most) return;
    const [oldest] = entries.keys();
    if (oldest !== undefined) entries.delete(oldest);
  }
}
