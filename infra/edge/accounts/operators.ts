// Checks the secret of operators.
import { keyOfRequest } from '../../../tenancy/api-key.ts';
import type { EdgeError } from '../errors.ts';
import { type Hashing, utf8 } from '../sign.ts';

/** The secrets of operators that are valid now. */
export type OperatorSecrets = () => readonly string[];

/** Why the request is not that of an operator. Compares hashes, so that the time of the comparison tells nothing about the secret. */
export async function operatorRefusal(
  { headers }: Pick<Request, 'headers'>,
  { secrets, hashing }: { secrets: OperatorSecrets; hashing: Pick<Hashing, 'sha256'> },
): Promise<EdgeError | undefined> {
  const hash = async (text: string) => await hashing.sha256(utf8(text));
  const given = keyOfRequest((name) => headers.get(name));
  const valid = await Promise.all(secrets().map(hash));
  if (given !== undefined && valid.includes(await hash(given))) return undefined;
  return {
    status: 401,
    message: 'This needs the admin secret of the edge, as a bearer token.',
    code: 'invalid_admin_secret',
    headers: { 'www-authenticate': 'Bearer realm="expertgrid admin"' },
  };
}
