// Starts an engine for each model of a gateway, each in its own thread, and ends them all. Knows no HTTP.
import type { Logger } from 'pino';
import type { VocabularyData } from '../../gateway/constraints/vocabulary.ts';
import type { EngineClient } from '../../gateway/engine/messages.ts';
import type { OpenedModel } from '../flags/models.ts';
import { addUp } from '../terminal/reading-report.ts';
import type { EngineThreadData } from './engine-thread.ts';
import { type EngineThread, type StartEngineOptions, startEngine } from './start-engine.ts';

export interface StartEnginesOptions
  extends Omit<StartEngineOptions, 'name' | 'model' | 'siblings' | 'shards' | 'vocabulary' | 'log'> {
  models: readonly OpenedModel[];
  shardsOf: (model: OpenedModel) => EngineThreadData['shards'];
  vocabularyOf: (model: OpenedModel) => Promise<VocabularyData>;
  log: Logger;
}

export interface Engines {
  /** In the order of `models`. `engine` resolves when it serves, and rejects with the reason if it cannot. */
  started: readonly { model: OpenedModel; engine: Promise<EngineClient> }[];
  /** Resolves with the reason if an engine ends without being asked to. */
  failed: Promise<Error>;
  /** Lets generations end for at most `graceMs`, then ends the threads. */
  close(graceMs: number): Promise<void>;
  /** Ends the threads between two runs, even if requests are open. */
  halt(): Promise<void>;
}

/** Splits the memory of the KV cache evenly between the models; all models share the kernel threads. */
export function startEngines({
  models,
  shardsOf,
  vocabularyOf,
  engine,
  log,
  onLoading,
  onReading,
  ...options
}: StartEnginesOptions): Engines {
  const kvMemory = Math.floor(engine.kvMemory / models.length);
  const [loading, reading] = [onLoading, onReading].map((report) => addUp(models.length, report));
  const started = models.map((model, i) => {
    const thread = startEngine({
      ...options,
      model: model.dir,
      siblings: models.filter((other) => other !== model).map(({ identity }) => identity),
      shards: shardsOf(model),
      vocabulary: vocabularyOf(model),
      engine: { ...engine, kvMemory },
      name: model.id,
      log: models.length === 1 ? log : log.child({ model: model.id }),
      onLoading: loading?.[i] ?? onLoading,
      onReading: reading?.[i] ?? onReading,
    });
    return { model, thread, engine: thread.engine };
  });
  const each = async (act: (thread: EngineThread) => Promise<void>) => {
    await Promise.all(started.map(({ thread }) => act(thread)));
  };
  return {
    started,
    failed: Promise.race(started.map(({ thread }) => thread.failed)),
    close: (graceMs) => each((thread) => thread.close(graceMs)),
    halt: () => each((thread) => thread.halt()),
  };
}
