// What a process of a cell needs besides weights: memory and cores. Manifests (infra/deploy) and the capacity model read them here.

/** Memory of a process besides weights: code, heap and buffers. A shard of nano is measured at up to 80 MB. */
const SHARD_MIB = 192;
const GATEWAY_MIB = 512;
/** Limits are whole multiples of this. */
const STEP_MIB = 64;

/** A gateway computes in the thread of its engine, and speaks HTTP in another. */
export const GATEWAY_CORES = 2;
export const SHARD_CORES = 1;
export const GATEWAY_KV_MIB = 1024;
export const GATEWAY_ANSWER_MIB = 256;

/** `expertsMiB`: the experts that the shard holds. */
export function shardNeedsMiB(expertsMiB: number): number {
  return inSteps(expertsMiB + SHARD_MIB);
}

export interface GatewayMemory {
  denseMiB: number;
  kvMiB: number;
  answerMiB: number;
}

export function gatewayNeedsMiB({ denseMiB, kvMiB, answerMiB }: GatewayMemory): number {
  return inSteps(denseMiB + kvMiB + answerMiB + GATEWAY_MIB);
}

export function inSteps(mebibytes: number): number {
  return Math.ceil(mebibytes / STEP_MIB) * STEP_MIB;
}
