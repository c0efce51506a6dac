// Finds the part of a hop that is no computing, from the time of a token of one stream. Pure.
import { boundary } from '../../infra/capacity/search.ts';
import { sharedSpeed } from '../../infra/capacity/shared-machine.ts';
import type { Step, Subject } from '../../infra/capacity/step.ts';

const MOST_US = 10_000;

interface OneStream {
  /** Measured time of a step. */
  stepUs: number;
  cores: number;
  step: Step;
}

/** The hop with which the model predicts the measured time; 0 if the model predicts more without any. */
export function hopUsOf({ shape, costs }: Subject, { stepUs, cores, step }: OneStream): number {
  return boundary(0, MOST_US, (hopUs) => {
    const predicted = sharedSpeed({ shape, costs: { ...costs, hopUs } }, { cores, gateways: 1, step });
    return predicted.stepUs < stepUs;
  });
}
