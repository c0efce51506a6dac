// Calls the operators' API of an edge.
import { errorText, fetchErrorText } from '../../base/error-text.ts';

/** Deadline of an answer. */
const ANSWER_MS = 10_000;

export interface EdgeAdmin {
  /** Origin of the edge. */
  edge: string;
  /** Secret of operators. */
  secret: string;
}

interface Sent {
  method?: 'GET' | 'POST' | 'PATCH';
  body?: object;
}

/** `path` is below `/admin`. Rejects with the edge's own message if it refuses. */
export async function askEdge(admin: EdgeAdmin, path: string, sent: Sent = {}): Promise<unknown> {
  return JSON.parse(await askEdgeForText(admin, path, sent));
}

export async function askEdgeForText(
  { edge, secret }: EdgeAdmin,
  path: string,
  { method = 'GET', body }: Sent = {},
): Promise<string> {
  const response = await fetch(`${edge}/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(ANSWER_MS),
    redirect: 'error',
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch((cause: Error) => {
    const message = `${edge}: no edge answers there (${fetchErrorText(cause)}); check that it runs, and its address`;
    throw new Error(message, { cause });
  });
  const text = await response.text();
  if (response.ok) return text;
  throw new Error(`${edge}: ${refusalOf(response.status, text)}`);
}

function refusalOf(status: number, text: string): string {
  const advice = status === 401 ? ' Give the file that the edge has as --admin-secret-file.' : '';
  if (status === 404 && !text.includes('key_not_found')) {
    return "the operators' API is off; start the edge with --accounts and --admin-secret-file";
  }
  try {
    const { error } = JSON.parse(text) as { error: { message: string } };
    return `the edge answered ${status}: ${error.message}${advice}`;
  } catch (error) {
    return `the edge answered ${status} with a text that is not JSON (${errorText(error)})`;
  }
}
