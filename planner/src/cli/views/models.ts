// Models as text: what the store holds, what the catalogue offers, what one offer would mean. Pure.

import type { Interval } from '@salvage/contract';
import type {
  CatalogueView,
  ModelOffer,
  ModelView,
  NodeView,
  PlaceView,
} from '../../operator/api.ts';
import { bytesText, figureCell, figureText, numberText, unknown, wholeText } from '../format.ts';
import { formatTable, type Look, wrapText } from '../table-format.ts';

export function modelsText(models: readonly ModelView[], look: Look): string {
  if (models.length === 0) return 'no models yet: salvage models list --catalogue shows some';
  return formatTable({
    ...look,
    columns: [
      { head: 'MODEL' },
      { head: 'SIZE', align: 'right' },
      { head: 'PARAMETERS', align: 'right' },
      { head: 'QUANT' },
      { head: 'CONTEXT', align: 'right' },
      { head: 'LICENCE', wraps: true },
      { head: 'READY ON', wraps: true },
    ],
    rows: models.map((model) => [
      model.modelId,
      bytesText(model.bytes),
      parametersOf(model.parameters),
      model.quant,
      wholeText(model.contextTokensMax),
      model.licence ?? 'not stated',
      model.readyOn.length === 0 ? unknown : model.readyOn.join(', '),
    ]),
  });
}

export function catalogueText(entries: readonly CatalogueView[], look: Look): string {
  const table = formatTable({
    ...look,
    columns: [
      { head: 'MODEL' },
      { head: 'SIZE', align: 'right' },
      { head: 'LICENCE', wraps: true },
      { head: 'TOKENS/S' },
      { head: 'BEST NODE', wraps: true },
    ],
    rows: entries.map((entry) => [
      entry.modelId,
      bytesText(entry.bytes),
      entry.licence,
      figureCell(entry.tokensPerSecond, true),
      entry.bestNode ?? 'none',
    ]),
  });
  const about = entries.map((entry) => {
    const here = entry.installed ? ' (here)' : '';
    const refusal =
      entry.bestNode === null ? `; no node: ${entry.refusedBecause ?? 'unknown'}` : '';
    const text = `${entry.modelId}${here}: ${entry.about.replace(/\.$/, '')}${refusal}`;
    return wrapText(text, look.width, '', '  ');
  });
  const first = entries.find((entry) => !entry.installed && entry.bestNode !== null);
  const next = first === undefined ? [] : ['', `salvage models add ${first.source}`];
  return [table, '', ...about, ...next].join('\n');
}

/** Predicted decode speed of one model on the node where it would be fastest. */
export interface Prediction {
  nodeId: string;
  tokensPerSecond: Interval;
}

/** How far a first benchmark's promise has been seen to miss: a rough look before a download. */
const speedErrorRough = 0.4;

/**
 * A rough look before a download: effective bandwidth (`decode × modelBytes` of the node's
 * benchmark) over the bytes that one token reads, on the fastest node with memory for it. The
 * planner's own prediction stands in its place wherever the door gives one. Null: no node fits.
 */
export function predictRoughly(
  offer: Pick<ModelOffer, 'memoryBytes'> & { card: { bytesPerToken: number } },
  nodes: readonly NodeView[],
): Prediction | null {
  let best: Prediction | null = null;
  for (const { nodeId, state, drained, benchmark, memoryAvailableBytes } of nodes) {
    if (state !== 'awake' || drained || benchmark === null) continue;
    if ((memoryAvailableBytes ?? 0) < offer.memoryBytes) continue;
    const bytesPerSecond = benchmark.decodeTokensPerSecond * benchmark.modelBytes;
    const value = bytesPerSecond / offer.card.bytesPerToken;
    if (best !== null && best.tokensPerSecond.value >= value) continue;
    const [low, high] = [value * (1 - speedErrorRough), value * (1 + speedErrorRough)];
    best = { nodeId, tokensPerSecond: { value, low, high } };
  }
  return best;
}

export function offerText(
  offer: ModelOffer,
  prediction: Prediction | null,
  refusedBecause: string | null,
): string {
  const { card } = offer;
  const best =
    prediction === null
      ? `no node can run it now${refusedBecause === null ? '' : `: ${refusedBecause}`}`
      : `${figureText(prediction.tokensPerSecond, 'tokens/s', true)} on ${prediction.nodeId}`;
  const rows: [string, string][] = [
    ['model', `${card.name} (${card.modelId})`],
    ['from', offer.location],
    [
      'size',
      `${bytesText(card.bytes)}, ${card.quant}, ${parametersOf(card.parameters)} parameters`,
    ],
    ['licence', card.licence ?? 'not stated: see where it comes from'],
    ['memory', `${bytesText(offer.memoryBytes)} while it runs`],
    ['speed', best],
    ['sha256', card.sha256 ?? 'known after the download'],
    ...(offer.installed ? ([['here', 'this file is in the store already']] as const) : []),
  ].map(([name, text]) => [name ?? '', text ?? '']);
  return rows.map(([name, text]) => `${name.padEnd(9)}${text}`).join('\n');
}

/** The winner in one line, or the refusals; with `explain` the planner's own words below. */
export function placeText(view: PlaceView, options: { explain: boolean; look: Look }): string {
  const { answer } = view;
  const wrap = (text: string): string => wrapText(text, options.look.width, '  ', '    ');
  const lines: string[] = [];
  if (answer.ok) {
    const { candidate, price } = answer.winner;
    const speed = figureText(price.decodeTokensPerSecond, 'tokens/s', price.basis !== 'measured');
    const joules =
      price.joulesPerToken === null
        ? `no joules: ${price.joulesNullBecause ?? 'not known why'}`
        : figureText(price.joulesPerToken, 'J/token', true);
    lines.push(
      `${view.modelId} -> ${[candidate.head, ...candidate.workers].join(' + ')}`,
      wrap(`${speed}, ${joules}`),
      wrap(
        `${bytesText(price.memoryBytes)} of ${bytesText(price.memoryFreeBytes)} free memory, ` +
          `context ${candidate.contextTokens}, ready in ${numberText(price.loadSeconds)} s`,
      ),
    );
  } else {
    lines.push(`${view.modelId} fits nowhere`);
    for (const refusal of answer.refusals) {
      const where = refusal.nodeId === null ? '' : `${refusal.nodeId}: `;
      lines.push(wrap(`${where}${refusal.text} (${refusal.code})`));
    }
  }
  if (options.explain) {
    for (const line of ['', ...view.explanation.split('\n')]) {
      const indent = /^\s*/.exec(line)?.[0] ?? '';
      lines.push(wrapText(line, options.look.width, indent, `${indent}  `));
    }
  }
  return lines.join('\n');
}

/** `596 M`, `1.24 B`. */
function parametersOf(parameters: number): string {
  if (parameters >= 999.5e6) return `${numberText(parameters / 1e9)} B`;
  return parameters >= 1e6
    ? `${numberText(parameters / 1e6)} M`
    : `${numberText(parameters / 1e3)} k`;
}
