// What the agent says, as messages within their bounds. Pure: the figures are arguments.
import {
  type EnergyReading,
  type Facts,
  type NodeHello,
  type NodeState,
  topics,
  wireVersion,
} from '@salvage/contract';
import type { Vitals } from './facts/vitals.ts';
import { limits } from './limits.ts';

type HelloParts = Omit<NodeHello, 'v'>;

/** The hello; where a processor has more flags than the topic has room, the last ones go. */
export function helloOf(parts: HelloParts): NodeHello {
  const whole: NodeHello = { v: wireVersion, ...parts };
  const over = bytesOf(whole) - topics.nodeHello.bytesMax;
  if (over <= 0) return whole;
  let cut = 0;
  const cpuFlags: Facts['cpuFlags'] = [...parts.facts.cpuFlags];
  while (cut < over && cpuFlags.length > 0) cut += bytesOf(cpuFlags.pop()) + 1;
  return { ...whole, facts: { ...parts.facts, cpuFlags } };
}

interface StateParts {
  at: number;
  desiredRevision: number;
  vitals: Vitals;
  engines: NodeState['engines'];
  cache: NodeState['cache'];
  agent: { cpuSeconds: number; memoryBytes: number; bytesSent: number };
}

export function stateOf(parts: StateParts): NodeState {
  const { vitals } = parts;
  return {
    v: wireVersion,
    at: parts.at,
    desiredRevision: parts.desiredRevision,
    memoryAvailableBytes: vitals.memoryAvailableBytes,
    loadAverage: vitals.loadAverage,
    temperatureCelsius: vitals.temperatureCelsius,
    throttled: vitals.throttledNow,
    engines: parts.engines,
    cache: { ...parts.cache, models: parts.cache.models.slice(0, limits.cacheModelsMax) },
    agent: parts.agent,
  };
}

/** Readings as batches that each fit into one energy message. */
export function energyBatches(readings: readonly EnergyReading[]): EnergyReading[][] {
  const bytesMax = topics.nodeEnergy.bytesMax - 500; // the envelope
  const batches: EnergyReading[][] = [];
  let batch: EnergyReading[] = [];
  let bytes = 0;
  for (const reading of readings) {
    const more = bytesOf(reading) + 1;
    const full = batch.length >= limits.energyReadingsPerMessageMax || bytes + more > bytesMax;
    if (full && batch.length > 0) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(reading);
    bytes += more;
  }
  return batch.length === 0 ? batches : [...batches, batch];
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '');
}
