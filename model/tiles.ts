// The door to the stored forms of a matrix; each half of the work has a file of its own in tiles/.
export { type Blocks, toBlocks } from './tiles/blocks.ts';
export {
  GROUP,
  isTiled,
  matrixBytes,
  TILE_BYTES,
  TILE_ROWS,
  type TileEncoding,
  tileGrid,
} from './tiles/layout.ts';
export { quantize, quantizeInto } from './tiles/quantize.ts';
export { dequantize, readRow } from './tiles/read.ts';
