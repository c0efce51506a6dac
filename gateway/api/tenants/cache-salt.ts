// Decides which requests share cached prefixes: those with the same salt.

/**
 * The request's own salt, or else one for its API key. The two have different prefixes, so that no request can name the salt of
 * another key. Tenants that agree on a salt of their own share their cached prefixes. Empty: all requests share them.
 */
export function cacheSaltOf({
  named,
  tenant,
}: {
  /** The request's `cache_salt`. */
  named: string | null | undefined;
  /** Hash of the API key. Undefined without keys, and if all tenants share cached prefixes. */
  tenant: string | undefined;
}): string {
  if (named !== undefined && named !== null) return `named/${named}`;
  return tenant === undefined ? '' : `key/${tenant}`;
}
