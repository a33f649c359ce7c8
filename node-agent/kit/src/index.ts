// @salvage/kit: what every program of a cluster carries, small enough for the smallest machine.
export * from './bounded-queue.ts';
export * from './child.ts';
export * from './clock.ts';
export * from './config.ts';
export * from './fail.ts';
export * from './files.ts';
export * from './folders.ts';
export * from './log.ts';
export * from './password-hash.ts';
export * from './session.ts';
export * from './turns.ts';
