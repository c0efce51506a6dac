// The messages between gateways and expert shards: types, and parsers that check whatever a peer sends. Knows no sockets and no
// devices. docs/protocol.md specifies them.
export { defaultLimits, type FrameLimits } from './wire/bounds.ts';
export * from './wire/hello.ts';
export * from './wire/leave.ts';
export { type ModelOffer, type ModelShape, parseHoldingRanges } from './wire/model.ts';
export * from './wire/placement.ts';
export * from './wire/run.ts';
