// @salvage/contract: everything the programs of a cluster must agree on, and nothing else.
export * from './access.ts';
export * from './codec.ts';
export * from './engine-api.ts';
export * from './hub-api.ts';
export * from './ids.ts';
export * from './messages/broker.ts';
export * from './messages/home.ts';
export * from './messages/node.ts';
export * from './messages/planner.ts';
export { HealthWarning, severities } from './messages/shared.ts';
export * from './topics.ts';
export * from './units.ts';
export * from './version.ts';
