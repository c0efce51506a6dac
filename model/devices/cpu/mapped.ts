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
    const [gateBias, upBias, downBias] = biases ? readFloats([biases.gate, biases.up, biases.down]) : [];
    const form = { clamp, gateBias, upBias, downBias };
    return this.#kernels.expert(this.#at(gate), this.#at(up), this.#at(down), form);
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

/** Reads small tensors of one file. Like all places, their bytes are checked when the whole expert is read. */
function readFloats(places: readonly [Place, ...Place[]]): Float32Array[] {
  const { path } = places[0];
  const file = openSync(path, 'r');
  try {
    return places.map(({ offset, bytes, encoding, rows, cols }) => {
      const data = new Uint8Array(bytes);
      readExactlySync(file, data, offset, path);
      return dequantize({ encoding, rows, cols, data });
    });
  } finally {
    closeSync(file);
  }
}
