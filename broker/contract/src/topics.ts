// THE topic table. Types, the broker's access law, subscriptions, generated docs and JSON Schemas
// all derive from it; nothing else in the tree spells a topic.
import type * as v from 'valibot';
import type { Role } from './ids.ts';
import { BrokerDesired, BrokerStatus } from './messages/broker.ts';
import { Ask, HomeSignal, JobState } from './messages/home.ts';
import {
  NodeEnergy,
  NodeHealth,
  NodeHello,
  NodeReply,
  NodeState,
  NodeStatus,
} from './messages/node.ts';
import { NodeCommand, NodeDesired, PlannerPlacements, PlannerStatus } from './messages/planner.ts';

export interface TopicRow {
  /** Levels below the prefix; `{nodeId}` is one level that holds an id. */
  pattern: string;
  schema: v.GenericSchema;
  qos: 0 | 1;
  retained: boolean;
  /** `node` means: the node that the topic names, and no other. */
  writers: readonly Role[];
  readers: readonly Role[];
  /** Largest payload in bytes; longer ones are refused before they are parsed. */
  bytesMax: number;
  about: string;
}

const watchers = ['planner', 'operator'] as const;

export const topics = {
  nodeHello: {
    pattern: 'node/{nodeId}/hello',
    schema: NodeHello,
    qos: 1,
    retained: true,
    writers: ['node'],
    readers: watchers,
    bytesMax: 16_384,
    about: 'facts and measured speeds, published on every connect and when they change',
  },
  nodeStatus: {
    pattern: 'node/{nodeId}/status',
    schema: NodeStatus,
    qos: 1,
    retained: true,
    writers: ['node'],
    readers: ['planner', 'operator', 'home'],
    bytesMax: 512,
    about: 'power state; the last will says gone',
  },
  nodeState: {
    pattern: 'node/{nodeId}/state',
    schema: NodeState,
    qos: 1,
    retained: true,
    writers: ['node'],
    readers: ['planner', 'operator', 'home'],
    bytesMax: 32_768,
    about: 'what the node does now: engines, memory, temperature, cache',
  },
  nodeEnergy: {
    pattern: 'node/{nodeId}/energy',
    schema: NodeEnergy,
    qos: 1,
    retained: false,
    writers: ['node'],
    readers: watchers,
    bytesMax: 32_768,
    about: 'energy readings, cut at job starts and ends, in batches',
  },
  nodeHealth: {
    pattern: 'node/{nodeId}/health',
    schema: NodeHealth,
    qos: 1,
    retained: true,
    writers: ['node'],
    readers: ['planner', 'operator', 'home'],
    bytesMax: 16_384,
    about: 'lasting troubles with advice',
  },
  nodeReply: {
    pattern: 'node/{nodeId}/reply',
    schema: NodeReply,
    qos: 1,
    retained: false,
    writers: ['node'],
    readers: watchers,
    bytesMax: 65_536,
    about: 'the one answer to a command',
  },
  nodeDesired: {
    pattern: 'node/{nodeId}/desired',
    schema: NodeDesired,
    qos: 1,
    retained: true,
    writers: ['planner'],
    readers: ['node', 'operator'],
    bytesMax: 16_384,
    about: 'what the node should run; the agent reconciles towards it',
  },
  nodeCommand: {
    pattern: 'node/{nodeId}/command',
    schema: NodeCommand,
    qos: 1,
    retained: false,
    writers: ['planner'],
    readers: ['node'],
    bytesMax: 4_096,
    about: 'one act with an id and an expiry, answered once on reply',
  },
  plannerStatus: {
    pattern: 'planner/status',
    schema: PlannerStatus,
    qos: 1,
    retained: true,
    writers: ['planner'],
    readers: ['node', 'home', 'operator', 'broker'],
    bytesMax: 32_768,
    about: 'online or offline (last will), and the cluster’s warnings',
  },
  plannerPlacements: {
    pattern: 'planner/placements',
    schema: PlannerPlacements,
    qos: 1,
    retained: true,
    writers: ['planner'],
    readers: ['home', 'operator'],
    bytesMax: 65_536,
    about: 'which model runs where, and why',
  },
  brokerDesired: {
    pattern: 'broker/desired',
    schema: BrokerDesired,
    qos: 1,
    retained: true,
    writers: ['planner'],
    readers: ['broker'],
    bytesMax: 200_000,
    about: 'credentials (hashed) and which doors are open',
  },
  brokerStatus: {
    pattern: 'broker/status',
    schema: BrokerStatus,
    qos: 1,
    retained: true,
    writers: ['broker'],
    readers: ['planner', 'operator'],
    bytesMax: 4_096,
    about: 'which server runs, which doors are open',
  },
  jobState: {
    pattern: 'job/{jobId}/state',
    schema: JobState,
    qos: 0,
    retained: false,
    writers: ['planner'],
    readers: ['operator', 'home'],
    bytesMax: 2_048,
    about: 'phases of one job; never its text',
  },
  homeSignal: {
    pattern: 'signal/{signalName}',
    schema: HomeSignal,
    qos: 1,
    retained: false,
    writers: ['home'],
    readers: watchers,
    bytesMax: 512,
    about: 'surplus watts, price, battery percent from the home',
  },
  ask: {
    pattern: 'ask',
    schema: Ask,
    qos: 1,
    retained: false,
    writers: ['home'],
    readers: ['planner'],
    bytesMax: 4_096,
    about: 'a short question from an automation',
  },
} as const satisfies Record<string, TopicRow>;
Object.freeze(topics);

export type TopicName = keyof typeof topics;
export type Message<Name extends TopicName> = v.InferOutput<(typeof topics)[Name]['schema']>;
export const topicNames = Object.keys(topics) as TopicName[];

type Levels<Pattern extends string> = Pattern extends `${string}{${infer Key}}${infer Rest}`
  ? Key | Levels<Rest>
  : never;
/** The ids that a topic's pattern holds, for example `{ nodeId: string }`. */
export type TopicIds<Name extends TopicName> = Record<
  Levels<(typeof topics)[Name]['pattern']>,
  string
>;
