// Maps the files of a bundle into memory, each once, and finds the matrices in them.
import { closeSync, openSync } from 'node:fs';
import type { ExpertMatrices, FileMap, Kernels, QuantisedMatrix } from '../../../kernels/kernels.ts';
import type { Bundle, Place } from '../../bundle/bundle.ts';
import { readExactlySync } from '../../reading/read-exactly.ts';
import { dequantize, precisionOf } from '../../tiles.ts';
import type { Unit } from '../expert.ts';

export class MappedBundle {
  readonly #kernels: Kernels;
  readonly #bundle: Bundle;
  readonly #maps = new Map<string, FileMap>();

  constructor(kernels: Kernels, bundle: Bundle) {
    this.#kernels = kernels;
    this.#bundle = bundle;
  }

  matrix(name: string): QuantisedMatrix {
    return this.#at(this.#bundle.placeOf(name));
  }

  expert(unit: Unit): ExpertMatrices {
    const { gate, up, down, biases } = this.#bundle.placesOf(unit);
    const { clamp } = this.#bundle.config;
    return this.#kernels.expert(this.#at(gate), this.#at(up), this.#at(down), {
      clamp,
      gateBias: biases && this.#floats(biases.gate),
      upBias: biases && this.#floats(biases.up),
      downBias: biases && this.#floats(biases.down),
    });
  }

  /** Maps all pages of an expert, so that its first run does not take a page fault for every few pages. */
  mapIn(unit: Unit): void {
    const { path, offset, bytes } = this.#bundle.expertRange(unit);
    this.#kernels.advise(this.#map(path), offset, bytes, 'populate');
  }

  isResident(unit: Unit): boolean {
    const { path, offset, bytes } = this.#bundle.expertRange(unit);
    return this.#kernels.resident(this.#map(path), offset, bytes) >= bytes;
  }

  /** Reads a small tensor. Like all places, its bytes are checked when the whole expert is read. */
  #floats({ path, offset, bytes, ...matrix }: Place): Float32Array {
    const data = new Uint8Array(bytes);
    const file = openSync(path, 'r');
    try {
      readExactlySync(file, data, offset, path);
    } finally {
      closeSync(file);
    }
    return dequantize({ ...matrix, data });
  }

  #at({ path, offset, rows, cols, encoding }: Place): QuantisedMatrix {
    return this.#kernels.matrix(this.#map(path), offset, rows, cols, precisionOf(encoding).bits);
  }

  #map(path: string): FileMap {
    let map = this.#maps.get(path);
    if (map === undefined) {
      map = this.#kernels.map(path);
      this.#maps.set(path, map);
    }
    return map;
  }
}
