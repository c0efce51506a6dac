// Scales the measured costs to another model. What a cost has beyond the kernels' multiply-adds and bytes is overhead. In the engine it
// grows with the layers, and for a row at a shard with the width of the row, because a shard copies it.
import type { ApiCosts, Calibration, EngineCosts, ShardCosts } from './calibration.ts';
import { expertWork, headWork, layersWork, type ModelShape, positionWork } from './shape.ts';

export interface Costs {
  engine: EngineCosts;
  api: ApiCosts;
  shard: ShardCosts;
  client: Calibration['client'];
  hopUs: number;
}

export function costsOf(calibration: Calibration, shape: ModelShape): Costs {
  const { model, engine, api, shard, client, hopUs, kernels } = calibration;
  const deeper = shape.layers / model.layers;
  const wider = shape.hidden / model.hidden;
  const scaled = (us: number, growth: number, measured: number, wanted: number) =>
    Math.max(0, us - measured) * growth + wanted;
  const readUs = (bytes: number) => bytes / kernels.bytesPerUs;
  const workUs = (multiplyAdds: number) => multiplyAdds / kernels.multiplyAddsPerUs;
  const layersUs = (of: ModelShape) => workUs(layersWork(of));
  const rowUs = (of: ModelShape) => layersUs(of) + workUs(headWork(of));
  const read = readUs(model.denseBytes);
  return {
    engine: {
      stepUs: scaled(engine.stepUs, deeper, read, readUs(shape.denseBytes)),
      rowUs: scaled(engine.rowUs, deeper, rowUs(model), rowUs(shape)),
      promptRowUs: scaled(engine.promptRowUs, deeper, layersUs(model), layersUs(shape)),
      frameUs: engine.frameUs,
      positionUs: (engine.positionUs * positionWork(shape)) / positionWork(model),
    },
    api,
    shard: {
      frameUs: shard.frameUs,
      rowUs: scaled(shard.rowUs, wider, workUs(expertWork(model)), workUs(expertWork(shape))),
      expertUs: scaled(shard.expertUs, 1, readUs(model.unitBytes), readUs(shape.unitBytes)),
    },
    client,
    hopUs,
  };
}
