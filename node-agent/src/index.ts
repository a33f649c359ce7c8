// @salvage/node-agent: what tests and the simulator take from the agent. Programs start `main.ts`.
export { type Agent, type AgentOptions, startAgent } from './agent.ts';
export { AgentConfig } from './config.ts';
export { type Enrolled, type EnrolOptions, enrol } from './enrol.ts';
export { type Identity, readIdentity, saveIdentity } from './identity.ts';
export { type Action, decide, type Have, type HaveEngine } from './reconcile/decide.ts';
