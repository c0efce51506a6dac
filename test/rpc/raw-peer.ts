// The calling end of a plain socket: writes any bytes, and collects the received messages until the connection ends.
import { connect } from 'node:net';
import type { Address } from '../../rpc/address.ts';
import { decodeMessage, encodeMessage } from '../../rpc/codec.ts';
import { FrameSplitter } from '../../rpc/frame.ts';
import type { Message } from '../../rpc/messages.ts';
import { framed } from './framed.ts';

export interface RawPeer {
  send(message: Message): void;
  write(bytes: Uint8Array): void;
  /** The next message. Rejects if the connection has ended. */
  next(): Promise<Message>;
  /** The remaining messages. Resolves when the connection has ended. */
  rest(): Promise<Message[]>;
  end(): void;
}

export async function openRawPeer({ host, port }: Address): Promise<RawPeer> {
  const socket = connect({ host, port });
  const splitter = new FrameSplitter();
  const messages: Message[] = [];
  let ended = false;
  let wake = () => {};
  socket.on('data', (chunk: Uint8Array) => {
    messages.push(...splitter.push(chunk).map(decodeMessage));
    wake();
  });
  socket.on('error', () => {}); // 'close' follows
  socket.on('close', () => {
    ended = true;
    wake();
  });
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  const change = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  return {
    send(message) {
      socket.write(frame(encodeMessage(message)));
    },
    write(bytes) {
      socket.write(bytes);
    },
    async next() {
      while (messages.length === 0 && !ended) await change();
      const message = messages.shift();
      if (message === undefined) throw new Error('the connection has ended');
      return message;
    },
    async rest() {
      while (!ended) await change();
      return messages.splice(0);
    },
    end() {
      socket.destroy();
    },
  };
}

export function frame(payload: Uint8Array): Uint8Array {
  return framed(payload);
}
