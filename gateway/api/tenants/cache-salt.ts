// Decides which requests share cached prefixes: those with the same salt.

/**
 * `named` is the request's own `cache_salt`. `tenant` is the hash of its API key, or undefined if all tenants share cached
 * prefixes. `named/` in front keeps a request from naming the salt of a key. Tenants whose requests name the same `cache_salt`
 * share their cached prefixes.
 */
export function cacheSaltOf(named: string | null | undefined, tenant: string | undefined): string {
  if (named !== undefined && named !== null) return `named/${named}`;
  return tenant === undefined ? '' : `key/${tenant}`;
}
