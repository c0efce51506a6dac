// The answering side of an authenticated hello: sends a nonce, and checks the caller's proof and role. Knows no sockets.
import { printable } from '../../base/text.ts';
import { RpcError } from '../errors.ts';
import type { Params } from '../transport.ts';
import { freshNonce, type Handshake, isMac, macFields, macOf, noChannel, nonceBytes } from './hello-mac.ts';
import { mayTakeRole } from './peer-names.ts';

export interface HelloGateOptions {
  /** At least 16 bytes. Undefined: no proof is required. */
  secret?: Uint8Array | undefined;
  /** `[32]`, identifies the TLS connection. */
  channel?: Uint8Array;
  /** Names in the caller's certificate, if it has one. */
  names?: readonly string[];
}

/** Each connection has its own gate with a new nonce, so that a recorded hello is refused. */
export class HelloGate {
  readonly #secret: Uint8Array | undefined;
  readonly #channel: Uint8Array;
  readonly #names: readonly string[];
  #nonces: Pick<Handshake, 'callerNonce' | 'serverNonce'> | undefined;

  constructor({ secret, channel = noChannel, names = [] }: HelloGateOptions = {}) {
    this.#names = names;
    this.#secret = secret;
    this.#channel = channel;
  }

  /** Returns the answer to `challenge`. Throws `invalid` if the call comes twice or without a nonce. */
  challenge({ nonce }: Params): Params {
    if (this.#nonces !== undefined) throw new RpcError('invalid', 'challenge may be sent once, before hello');
    if (!(nonce instanceof Uint8Array) || nonce.length !== nonceBytes) {
      throw new RpcError('invalid', `nonce must be binary, ${nonceBytes} bytes drawn for this connection`);
    }
    // A copy, because a decoded value is a view of the received chunk.
    this.#nonces = { callerNonce: Uint8Array.from(nonce), serverNonce: freshNonce() };
    return { nonce: this.#nonces.serverNonce, required: this.#secret !== undefined };
  }

  /** Returns this side's proof; undefined without a secret. Throws `unproven` if the caller's role or proof is not accepted. */
  admit(hello: Params): Buffer | undefined {
    const { role } = macFields(hello);
    if (!mayTakeRole(this.#names, role)) {
      const names = this.#names.join(', ');
      throw new RpcError(
        'unproven',
        `the caller's certificate names ${names}, which is no name for the role ${printable(role, 32)}`,
      );
    }
    if (this.#secret === undefined) return undefined;
    if (this.#nonces === undefined) {
      throw new RpcError(
        'unproven',
        'this peer asks for proof of a shared secret: give the same --secret-file on both sides',
      );
    }
    const handshake = { ...this.#nonces, channel: this.#channel, ...macFields(hello) };
    if (!isMac(hello.proof, macOf(this.#secret, 'caller', handshake))) {
      throw new RpcError('unproven', 'the proof in hello is wrong: both sides must have the same secret');
    }
    return macOf(this.#secret, 'server', handshake);
  }
}
