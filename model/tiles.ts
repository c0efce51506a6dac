// The functions and types of tiles/ that other folders use.
export { matrixBytes, tileBytes, tileGrid } from './tiles/layout.ts';
export { GROUP, TILE_ROWS } from './tiles/precision.ts';
export {
  type Bits,
  bundleBits,
  isTiled,
  precisionOf,
  TILED_BITS,
  type TileEncoding,
  tilesAt,
} from './tiles/precisions.ts';
export { quantize, quantizeInto } from './tiles/quantize.ts';
export { dequantize, readRow, toBlocks } from './tiles/read.ts';
