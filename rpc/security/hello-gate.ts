// The answering side's part of an authenticated hello: gives out its nonce once and checks the code that comes back. Knows no
// sockets and no methods.
import { printable } from '../../base/text.ts';
import { RpcError } from '../errors.ts';
import type { Params } from '../transport.ts';
import { freshNonce, type Handshake, isMac, macFields, macOf, noChannel, nonceBytes } from './hello-mac.ts';
import { mayTakeRole } from './peer-names.ts';

export interface HelloGateOptions {
  /** At least 16 bytes; without one, every caller is let in. */
  secret?: Uint8Array;
  /** `[32]`, binds to the TLS connection. */
  channel?: Uint8Array;
  /** Names in the caller's certificate, if it has one. */
  names?: readonly string[];
}

/** One for each connection: because its nonce is fresh, a recorded hello is worthless. */
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

  /** The answer to `challenge`; throws `invalid` if it comes twice or without a nonce. */
  challenge({ nonce }: Params): Params {
    if (this.#nonces !== undefined) throw new RpcError('invalid', 'challenge may be sent once, before hello');
    if (!(nonce instanceof Uint8Array) || nonce.length !== nonceBytes) {
      throw new RpcError('invalid', `nonce must be binary, ${nonceBytes} bytes drawn for this connection`);
    }
    // Copied, because a decoded value is a view of the chunk that it came in.
    this.#nonces = { callerNonce: Uint8Array.from(nonce), serverNonce: freshNonce() };
    return { nonce: this.#nonces.serverNonce, required: this.#secret !== undefined };
  }

  /** This side's own code; undefined without a secret. Throws `unproven` unless the role and the code in the hello fit. */
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
