// The answering side's part of a proven hello: hands out its nonce once, and judges the proof that comes back. Knows no
// sockets and no methods.

import { printable } from '../../base/text.ts';
import { RpcError } from '../errors.ts';
import type { Params } from '../transport.ts';
import { mayTakeRole } from './peer-names.ts';
import {
  freshNonce,
  type Handshake,
  isProof,
  noChannel,
  nonceBytes,
  proofOf,
  provenFields,
} from './proof.ts';

export interface HelloGateOptions {
  /** At least 16 bytes; without one, whoever says hello is let in. */
  secret?: Uint8Array;
  /** `[32]`, of the TLS connection. */
  channel?: Uint8Array;
  /** Of the caller's certificate, where it has one. */
  names?: readonly string[];
}

/** One for each connection: that its nonce is fresh is what makes a recorded hello worthless. */
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
    // Copied: a decoded value is a view of the chunk that it came in.
    this.#nonces = { callerNonce: Uint8Array.from(nonce), serverNonce: freshNonce() };
    return { nonce: this.#nonces.serverNonce, required: this.#secret !== undefined };
  }

  /** This side's own proof, or undefined where none is asked for. Throws `unproven` unless the hello's role and proof fit. */
  admit(hello: Params): Buffer | undefined {
    const { role } = provenFields(hello);
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
    const handshake = { ...this.#nonces, channel: this.#channel, ...provenFields(hello) };
    if (!isProof(hello.proof, proofOf(this.#secret, 'caller', handshake))) {
      throw new RpcError('unproven', 'the proof in hello is wrong: both sides must have the same secret');
    }
    return proofOf(this.#secret, 'server', handshake);
  }
}
