// Arguments for random calls of the addon's functions for sockets (fuzz-calls.ts), and the sockets that they need.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Kernels } from '../../../kernels/kernels.ts';
import { SAMPLES, type Serving, type Wire } from '../../../kernels/wires.ts';
import { fastAnswer, fastCall } from '../../support/network/fast-frames.ts';

const HIDDEN = 64;
const LAYERS = 2;
const EXPERTS = 3;
/** Most handles of a kind that are kept, so that others are collected as garbage. */
const MOST_KEPT = 6;

export interface WireCalls {
  /** By name of the function: right arguments. */
  makers: Record<string, () => unknown[]>;
  /** Keeps a handle that a call has made, for the calls after it. */
  keep(name: string, result: unknown): void;
  /** Sends the wires some bytes, and lets the event loop turn. */
  turn(): Promise<void>;
  end(): void;
}

/** Connections of Node's sockets: the descriptors of one end, and the other ends. */
async function openPairs(count: number): Promise<{ files: number[]; sockets: Socket[]; peers: Socket[] }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('there is no port');
  const [files, sockets, peers]: [number[], Socket[], Socket[]] = [[], [], []];
  for (let i = 0; i < count; i++) {
    const peer = connect(address.port, '127.0.0.1').on('error', () => {});
    const [socket] = await once(server, 'connection');
    socket.on('error', () => {}).pause();
    peer.resume();
    files.push(socket._handle.fd);
    sockets.push(socket);
    peers.push(peer);
  }
  server.close();
  return { files, sockets, peers };
}

export async function openWireCalls(kernels: Kernels, next: () => number): Promise<WireCalls> {
  const below = (limit: number) => Math.floor(next() * limit);
  const size = (most: number) => 1 + below(most);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;
  let pairs = await openPairs(6);
  // Must live as long as the servings that compute on them.
  const matrices = Array.from({ length: 4 }, () => {
    // Of zeros, because random scales would give numbers that are not finite.
    const zeros = (rows: number, cols: number) =>
      kernels.matrixOf(new Uint8Array((rows / 16) * (cols / 32) * 544), rows, cols, 8);
    return kernels.expert(zeros(32, HIDDEN), zeros(32, HIDDEN), zeros(HIDDEN, 32));
  });
  const wires: Wire[] = [];
  const servings: { serving: Serving; models: number }[] = [];
  const events = { onBytes() {}, onFrame() {}, onClosed() {} };
  const wire = () => (wires.length === 0 ? undefined : pick(wires));
  const chosen = () => (servings.length === 0 ? undefined : pick(servings));
  const unit = () => {
    const served = chosen();
    return [served?.serving, below(1 + (served?.models ?? 0)), below(LAYERS), below(EXPERTS)];
  };

  function bytes(): Uint8Array {
    const rows = Float32Array.from({ length: size(3) * HIDDEN }, () => next() - 0.5);
    const kind = next();
    if (kind < 0.02) return Uint8Array.from({ length: size(300) }, () => below(256));
    if (kind < 0.3) return fastAnswer(below(30), rows);
    const asks = Array.from({ length: size(4) }, () => [below(rows.length / HIDDEN), below(EXPERTS)]).flat();
    const deadlineMs = pick([1, 1_000]);
    const fields = { id: below(30), model: 'm', layer: below(LAYERS), priority: below(2), epoch: 1 };
    return fastCall({ ...fields, deadlineMs, asks, rows });
  }

  function exchange(): unknown[] {
    const lines = Array.from({ length: size(3) }, wire);
    const rows = 4;
    let pairsOf = 0;
    const plan = lines.flatMap(() => {
      const [own, asks] = [size(3), size(3)];
      pairsOf += asks;
      const pairList = Array.from({ length: asks }, () => [below(own), below(EXPERTS)]).flat();
      const rowList = Array.from({ length: own }, () => below(rows));
      return [below(30), below(2), below(1_000), own, asks, below(3), ...rowList, ...pairList];
    });
    const x = Float32Array.from({ length: rows * HIDDEN }, next);
    const answers = new Float32Array(pairsOf * HIDDEN);
    return [lines, Int32Array.from(plan), x, HIDDEN, below(LAYERS), 1, 'm', answers, below(300)];
  }

  function keepIn<T>(list: T[], value: T): void {
    if (list.length < MOST_KEPT) list.push(value);
    else list[below(MOST_KEPT)] = value;
  }

  function end(): void {
    for (const socket of [...pairs.sockets, ...pairs.peers]) socket.destroy();
  }

  return {
    makers: {
      // Wires that share a socket would each get a part of its bytes.
      openWire: () => [pairs.files.pop() ?? -1, 1_000 + size(1_000_000), events],
      writeWire: () => [wire(), bytes()],
      endWire: () => [next() < 0.2 ? wire() : undefined],
      closeWire: () => [next() < 0.2 ? wire() : undefined],
      traffic: () => [wire(), new Float64Array(2)],
      serveWire: () => [wire(), chosen()?.serving],
      hasServed: () => [wire(), below(30)],
      cancelServed: () => [wire(), below(30)],
      serving: () => [size(100), size(1_000), size(20), 200 + size(100_000), size(16)],
      serveModel: () => [chosen()?.serving, 'm', LAYERS, EXPERTS, HIDDEN, size(4), size(8)],
      serveUnit: () => [...unit(), pick(matrices)],
      shutUnit: unit,
      stopServing: () => [next() < 0.2 ? chosen()?.serving : undefined],
      servingCounts: () => [chosen()?.serving, new Float64Array(5)],
      takeSamples: () => [chosen()?.serving, new Float64Array(SAMPLES)],
      exchange,
    },
    keep(name, result) {
      if (name === 'openWire' && result !== undefined) keepIn(wires, result as Wire);
      if (name === 'serving') keepIn(servings, { serving: result as Serving, models: 1 });
      const serving = result as Serving;
      if (name !== 'serving' || next() < 0.3) return;
      try {
        const number = kernels.serveModel(serving, 'm', LAYERS, EXPERTS, HIDDEN, 4, 8);
        for (let i = 0; i < LAYERS * EXPERTS; i++) {
          kernels.serveUnit(serving, number, Math.floor(i / EXPERTS), i % EXPERTS, pick(matrices));
        }
      } catch {
        // Its frames are too small.
      }
    },
    async turn() {
      for (const peer of pairs.peers) if (next() < 0.5 && !peer.destroyed) peer.write(bytes());
      await new Promise((resolve) => setImmediate(resolve));
      if (pairs.files.length > 0 && next() > 0.01) return;
      end();
      (globalThis as { gc?: () => void }).gc?.(); // frees servings that wires still use
      pairs = await openPairs(6);
    },
    end,
  };
}
