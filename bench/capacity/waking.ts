// Finds the part of a hop that is no computing, from the time of a token of one stream. Pure.
import { sharedSpeed } from '../../infra/capacity/shared-machine.ts';
import type { Step, Subject } from '../../infra/capacity/step.ts';

const HALVINGS = 40;
const MOST_US = 10_000;

interface OneStream {
  /** Measured time of a step. */
  stepUs: number;
  cores: number;
  step: Step;
}

/** The hop with which the model predicts the measured time; 0 if the model predicts more without any. */
export function hopUsOf({ shape, costs }: Subject, { stepUs, cores, step }: OneStream): number {
  let [low, high] = [0, MOST_US];
  for (let i = 0; i < HALVINGS; i++) {
    const hopUs = (low + high) / 2;
    const predicted = sharedSpeed({ shape, costs: { ...costs, hopUs } }, { cores, gateways: 1, step });
    if (predicted.stepUs < stepUs) low = hopUs;
    else high = hopUs;
  }
  return low;
}
