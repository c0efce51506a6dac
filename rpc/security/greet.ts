// The calling side's hello: without a secret, or authenticated in both directions by a shared secret. Knows no sockets.
import { RpcError } from '../errors.ts';
import { isMap } from '../messages.ts';
import type { CallOptions, Params, Value } from '../transport.ts';
import { freshNonce, isMac, macFields, macOf, nonceBytes } from './hello-mac.ts';

/** A connection on which nothing has been called yet. */
export interface Ungreeted {
  call(method: string, params: Params, options: CallOptions): Promise<Value>;
  /** `[32]`, identifies the TLS connection; zeros without TLS. */
  readonly channel: Uint8Array;
}

/**
 * Resolves to the peer's answer. With a `secret`, rejects with `unproven` if the peer has another secret or requires none.
 */
export async function greet(
  connection: Ungreeted,
  hello: Params,
  { secret, ...options }: CallOptions & { secret?: Uint8Array | undefined },
): Promise<Value> {
  if (secret === undefined) return await connection.call('hello', hello, options);
  const callerNonce = freshNonce();
  const serverNonce = parseChallenge(await connection.call('challenge', { nonce: callerNonce }, options));
  const { channel } = connection;
  const handshake = { callerNonce, serverNonce, channel, ...macFields(hello) };
  const proof = macOf(secret, 'caller', handshake);
  const answer = await connection.call('hello', { ...hello, proof }, options);
  if (!isMap(answer) || !isMac(answer.proof, macOf(secret, 'server', handshake))) {
    throw new RpcError('unproven', 'the peer did not prove that it has the same secret');
  }
  const { proof: _, ...greeting } = answer;
  return greeting;
}

function parseChallenge(answer: Value): Uint8Array {
  if (!isMap(answer) || !(answer.nonce instanceof Uint8Array) || answer.nonce.length !== nonceBytes) {
    throw new RpcError('invalid', `the answer to challenge must hold a nonce of ${nonceBytes} bytes`);
  }
  if (answer.required !== true) {
    throw new RpcError('unproven', 'the peer has no secret: start it with the same --secret-file');
  }
  return Uint8Array.from(answer.nonce);
}
