// One end of an engine's message port: serves the engine.
import type { MessagePort } from 'node:worker_threads';
import type { GenerationPart, GenerationRequest, PushingEngine } from '../messages.ts';
import { isLast } from '../part-stream.ts';
import { type Answer, broken, type Down, type Sent, type Up } from './port-messages.ts';

/**
 * Collects parts and sends them in one message as soon as the running code has ended. All tokens of a step (with micro-batches: of
 * each micro-batch) go in one message, because each message wakes the other thread. No part waits for another event.
 */
class Outbox {
  #parts: Sent[] = [];
  readonly #send: (parts: readonly Sent[]) => void;

  constructor(send: (parts: readonly Sent[]) => void) {
    this.#send = send;
  }

  add(sent: Sent): void {
    if (this.#parts.push(sent) === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const parts = this.#parts;
    this.#parts = [];
    this.#send(parts);
  }
}

/** Serves `engine` over `port`. Resolves when the engine has been closed. `onFault` is called if a generation throws. */
export async function serveEngine(
  port: MessagePort,
  engine: PushingEngine,
  onFault: (cause: unknown) => void = () => {},
): Promise<void> {
  /** Functions that stop the open generations, by id. */
  const stops = new Map<string, () => void>();
  const up = (message: Up) => port.postMessage(message);
  const outbox = new Outbox((parts) => up({ type: 'parts', parts }));
  const generate = (request: GenerationRequest) => {
    const { id } = request;
    let ended = false;
    const onPart = (part: GenerationPart) => {
      outbox.add([id, part]);
      if (!isLast(part)) return;
      ended = true;
      stops.delete(id);
    };
    try {
      const stop = engine.start(request, onPart);
      if (!ended) stops.set(id, stop);
    } catch (cause) {
      // Only this generation fails; the others continue.
      onFault(cause);
      onPart({ type: 'error', error: broken });
    }
  };
  const abort = (id: string) => {
    stops.get(id)?.();
    stops.delete(id);
  };
  const answer = async (call: number, found: Promise<Answer>) => {
    const known = await found;
    const moved = typeof known === 'object' && 'bytes' in known ? [known.bytes.buffer] : [];
    port.postMessage({ type: 'answer', call, answer: known } satisfies Up, moved);
  };
  const closed = new Promise<void>((resolve, reject) => {
    port.on('message', (message: Down) => {
      switch (message.type) {
        case 'generate':
          return generate(message.request);
        case 'abort':
          return abort(message.id);
        case 'charge':
          return engine.charge(message.tenant, message.ms);
        case 'status':
          return void answer(message.call, engine.status()).catch(reject);
        case 'heat':
          return void answer(message.call, engine.heat(message.options)).catch(reject);
        case 'readPrefix':
          return void answer(message.call, engine.readPrefix(message.id, message.first)).catch(reject);
        case 'writePrefix':
          return void answer(message.call, engine.writePrefix(message.prefix)).catch(reject);
        case 'close':
          return void engine.close(message.graceMs).then(resolve, reject);
        default:
          return reject(new Error(`unknown message ${JSON.stringify(message)} to the engine`));
      }
    });
  });
  up({ type: 'info', info: engine.info, board: engine.board.buffer });
  await closed;
  up({ type: 'closed' });
}
