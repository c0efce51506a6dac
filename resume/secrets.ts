// The secrets that an edge shares with its gateways. Pure.

/** In characters. */
export const SHORTEST_SECRET = 32;

/** The secrets in the text of `--edge-secret-file`, the current one first. Throws an error that names the file. */
export function parseSecrets(text: string, path: string): [string, ...string[]] {
  const remedy = `Make one with: openssl rand -base64 48 > ${path}`;
  const lines = text.split('\n').map((line) => line.trim());
  const [current, ...previous] = lines.filter((line) => line !== '');
  if (current === undefined) throw new Error(`${path} has no secret. ${remedy}`);
  if (previous.length > 1) {
    throw new Error(
      `${path} has ${previous.length + 1} secrets; give the current one and at most one previous one`,
    );
  }
  const short = [current, ...previous].find((secret) => secret.length < SHORTEST_SECRET);
  if (short !== undefined) {
    throw new Error(
      `${path} has a secret of ${short.length} characters; it needs at least ${SHORTEST_SECRET}. ${remedy}`,
    );
  }
  return [current, ...previous];
}
