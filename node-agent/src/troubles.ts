// What lasting trouble the figures amount to. Pure: code -> trouble, or null when it is over.
import type { EngineState } from '@salvage/contract';
import type { Trouble } from './health.ts';
import { limits } from './limits.ts';

export interface HealthFigures {
  diskFreeBytes: number | null;
  temperatureCelsius: number | null;
  /** True while it was hot at the last look: it must cool down further to count as cool. */
  wasHot: boolean;
  throttledNow: boolean | null;
  benchmarkProblem: string | null;
  hasEngines: boolean;
  engines: readonly EngineState[];
}

type Found = Omit<Trouble, 'code'>;

export function troublesOf(figures: HealthFigures): Record<string, Found | null> {
  return {
    'disk-low': diskLow(figures.diskFreeBytes),
    heat: heat(figures),
    throttled:
      figures.throttledNow === true
        ? {
            severity: 'warning',
            title: 'The firmware holds the clock down',
            text: 'It is too hot, or the supply gives too little voltage.',
            advice: 'use the board’s own supply and a heat sink',
          }
        : null,
    'no-engine': figures.hasEngines
      ? null
      : {
          severity: 'error',
          title: 'No engine runs on this node',
          text: 'node-llama-cpp has nothing for this processor, or is not installed.',
          advice: 'join this node again: the join script brings the engine',
        },
    benchmark:
      figures.benchmarkProblem === null || !figures.hasEngines
        ? null
        : {
            severity: 'warning',
            title: 'This node’s speed is not known',
            text: figures.benchmarkProblem,
            advice: 'until it is measured, placements rest on profiles',
          },
    engines: failed(figures.engines),
  };
}

export function isHot(figures: Pick<HealthFigures, 'temperatureCelsius' | 'wasHot'>): boolean {
  const { temperatureCelsius, wasHot } = figures;
  if (temperatureCelsius === null) return false;
  return temperatureCelsius >= (wasHot ? limits.hotCelsiusOver : limits.hotCelsius);
}

function diskLow(freeBytes: number | null): Found | null {
  if (freeBytes === null || freeBytes >= limits.diskLowBytes) return null;
  return {
    severity: freeBytes < limits.diskReserveBytes ? 'error' : 'warning',
    title: 'The disk is nearly full',
    text: `${Math.round(freeBytes / 1e6)} MB are free where models are kept.`,
    advice: 'free some space, or lower the cache’s limit (--cache-limit-bytes)',
  };
}

function heat(figures: HealthFigures): Found | null {
  if (!isHot(figures)) return null;
  return {
    severity: 'warning',
    title: 'This node is hot',
    text: `${Math.round(figures.temperatureCelsius ?? 0)} °C at its hottest sensor.`,
    advice: 'clean the fan, give it air, or drain it',
  };
}

function failed(engines: readonly EngineState[]): Found | null {
  const broken = engines.filter((engine) => engine.phase === 'failed');
  if (broken.length === 0) return null;
  return {
    severity: 'error',
    title: broken.length === 1 ? 'An engine failed' : `${broken.length} engines failed`,
    text: broken.map((engine) => `${engine.modelId}: ${engine.problem ?? 'no reason'}`).join('; '),
    advice: 'salvage nodes logs NODE shows its last lines',
  };
}
