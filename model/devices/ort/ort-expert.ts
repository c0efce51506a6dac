// The expert device on ONNX Runtime with one session for each unit, on the CPU or with CUDA.
import type { ModelConfig } from '../../config/config.ts';
import { expert as expertGraph } from '../../onnx/mlp.ts';
import { type OpenSessionOptions, openSession, type Session } from '../../onnx/runtime.ts';
import type { ExpertWeights } from '../../tensor.ts';
import { type ExpertGroup, runByExpert } from '../by-expert.ts';
import type { Rows } from '../dense.ts';
import { type ExpertDevice, type LoadOptions, type Unit, unitKey } from '../expert.ts';
import { Slots } from '../gpu/slots.ts';

interface OrtExpertSource {
  config: ModelConfig;
  numericsClass: string;
  sessions?: OpenSessionOptions;
  readExpert(unit: Unit): Promise<ExpertWeights>;
}

export class OrtExperts implements ExpertDevice {
  readonly numericsClass: string;
  readonly #source: OrtExpertSource;
  readonly #sessions = new Slots<Session>((session) => session.release());

  constructor(source: OrtExpertSource) {
    this.numericsClass = source.numericsClass;
    this.#source = source;
  }

  async load(units: readonly Unit[], { signal, onLoaded }: LoadOptions = {}): Promise<void> {
    for (const [index, unit] of units.entries()) {
      signal?.throwIfAborted();
      if (!this.#sessions.has(this.#key(unit))) {
        const weights = await this.#source.readExpert(unit);
        const { config, sessions } = this.#source;
        await this.#sessions.put(this.#key(unit), await openSession(expertGraph(config, weights), sessions));
      }
      onLoaded?.(unit, index + 1, units.length);
    }
  }

  async unload(units: readonly Unit[]): Promise<void> {
    for (const unit of units) await this.#sessions.drop(this.#key(unit));
  }

  run(layer: number, x: Rows, asks: Uint16Array): Promise<Rows> {
    return runByExpert(x, asks, this.#source.config.hidden, (groups) => this.#runGroups(layer, groups));
  }

  async #runGroups(layer: number, groups: readonly ExpertGroup[]): Promise<Rows[]> {
    const { hidden } = this.#source.config;
    const keys = groups.map(({ expert }) => this.#key({ layer, expert }));
    return this.#sessions.using(keys, async (sessions) => {
      const answers: Rows[] = [];
      for (const [group, { expert, rows }] of groups.entries()) {
        const session = sessions[group];
        if (session === undefined) throw new Error(`expert ${expert} of layer ${layer} is not loaded`);
        const x = { data: rows, shape: [rows.length / hidden, hidden] };
        const [y] = (await session.run({ x }, ['y'])) as [Rows];
        answers.push(y);
      }
      return answers;
    });
  }

  async dispose(): Promise<void> {
    await this.#sessions.clear();
  }

  #key(unit: Unit): number {
    return unitKey(unit, this.#source.config.experts);
  }
}
