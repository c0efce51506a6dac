// The credentials with which a gateway connects to shards.
import type { ShardSource } from '../../infra/discovery/shard-source.ts';
import type { Credentials, OpenCredentialsOptions } from '../../rpc/security/credentials.ts';
import { openSecurity, type SecurityPaths } from '../flags/security-flags.ts';

export type SecuredShards = ShardSource & { security?: SecurityPaths };

/** A shard found by a DNS name may have a certificate for that name. Returns undefined if there are no credentials. */
export async function shardCredentials(
  { security: paths, ...source }: SecuredShards,
  watch: Pick<OpenCredentialsOptions, 'log' | 'onFailing'>,
): Promise<Credentials | undefined> {
  const peers = 'dns' in source ? [source.dns.replace(/:\d+$/, '')] : [];
  return paths && (await openSecurity(paths, { ...watch, peers }));
}
