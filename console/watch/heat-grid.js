// The place of each unit on the heat map, and the unit at each place. Lengths are CSS pixels.

/**
 * @typedef {{ layer: number, expert: number }} Cell
 * @typedef {{ x: number, y: number, width: number, height: number }} Box
 */

const LEFT = 26;
const TOP = 16;
const TALLEST_ROW = 22;
const LEAST_ROW = 5;
const WANTED_HEIGHT = 400;

export class HeatGrid {
  /**
   * @param {{ layers: number, experts: number, width: number, density: number }} options density: device pixels a CSS pixel
   */
  constructor({ layers, experts, width, density }) {
    this.layers = layers;
    this.experts = experts;
    this.width = width;
    this.density = density;
    this.row = Math.max(LEAST_ROW, Math.min(TALLEST_ROW, Math.floor(WANTED_HEIGHT / layers)));
    this.height = TOP + this.row * layers;
    this.column = (width - LEFT) / experts;
    /** Space between cells. None if the cells are too small. */
    this.gap = Math.min(this.column, this.row) < 4 ? 0 : 1;
  }

  /**
   * The cell's box on whole device pixels.
   * @param {Cell} cell
   * @returns {Box}
   */
  box({ layer, expert }) {
    const whole = (/** @type {number} */ length) => Math.round(length * this.density) / this.density;
    const x = whole(LEFT + expert * this.column);
    const y = whole(TOP + layer * this.row);
    const right = whole(LEFT + (expert + 1) * this.column);
    const bottom = whole(TOP + (layer + 1) * this.row);
    return { x, y, width: right - x - this.gap, height: bottom - y - this.gap };
  }

  /**
   * @param {number} x
   * @param {number} y
   * @returns {Cell | undefined}
   */
  cellAt(x, y) {
    const layer = Math.floor((y - TOP) / this.row);
    const expert = Math.floor((x - LEFT) / this.column);
    const inside = layer >= 0 && layer < this.layers && expert >= 0 && expert < this.experts;
    return inside ? { layer, expert } : undefined;
  }

  /** Experts with a label above the map, and layers with a label at its side. */
  get ticks() {
    const every = (/** @type {number} */ size, /** @type {number} */ least) =>
      [1, 2, 4, 8, 16, 32, 64].find((step) => step * size >= least) ?? 64;
    const list = (/** @type {number} */ count, /** @type {number} */ step) =>
      Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
    return {
      experts: list(this.experts, every(this.column, 34)),
      layers: list(this.layers, every(this.row, 14)),
    };
  }
}

/** @type {ReadonlyMap<string, [layers: number, experts: number]>} How far each key moves, by its name in KeyboardEvent. */
const moves = new Map([
  ['ArrowLeft', [0, -1]],
  ['ArrowRight', [0, 1]],
  ['ArrowUp', [-1, 0]],
  ['ArrowDown', [1, 0]],
  ['PageUp', [-8, 0]],
  ['PageDown', [8, 0]],
  ['Home', [0, Number.NEGATIVE_INFINITY]],
  ['End', [0, Number.POSITIVE_INFINITY]],
]);

/**
 * The cell that a key moves to. Undefined for keys that do not move.
 * @param {Cell} cell
 * @param {string} key as KeyboardEvent names it
 * @param {{ layers: number, experts: number }} size
 * @returns {Cell | undefined}
 */
export function moved({ layer, expert }, key, { layers, experts }) {
  const within = (/** @type {number} */ value, /** @type {number} */ count) =>
    Math.max(0, Math.min(count - 1, value));
  const [down, right] = moves.get(key) ?? [];
  if (down === undefined || right === undefined) return undefined;
  return { layer: within(layer + down, layers), expert: within(expert + right, experts) };
}
