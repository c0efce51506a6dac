// Who shares cached prefixes with whom: requests with one salt. Pure.

/**
 * What a caller names is kept apart from what keys are named by, so that nobody can name another's. Empty: shared by all.
 *
 * A salt of the caller's own comes before its key: callers with different keys who agree on one share what they computed.
 */
export function cacheSaltOf({
  named,
  owner,
}: {
  /** The request's `cache_salt`. */
  named: string | null | undefined;
  /** Hash of the caller's key; absent without keys, and where all share. */
  owner: string | undefined;
}): string {
  if (named !== undefined && named !== null) return `named/${named}`;
  return owner === undefined ? '' : `key/${owner}`;
}
