// What `up` prints after the first answer: the cost, the nodes, what this machine can be, and the
// next steps. Pure: values -> lines.
import type { SalvageBlock } from '../../gateway/salvage-block.ts';
import type { CatalogueView, NodeView } from '../../operator/api.ts';
import { bytesText, durationText, tokensPerSecondText } from '../format.ts';
import { costLine } from '../views/cost.ts';

/** What the first answer cost, and how long its first word took. */
export function costLines(
  cost: SalvageBlock,
  milliseconds: number,
  firstMilliseconds: number,
): string[] {
  return [
    `cost: ${costLine(cost, milliseconds)}`,
    `      first word after ${durationText(firstMilliseconds)}, with the model placed and loaded`,
  ];
}

const pleasantTokensPerSecond = 3;

/**
 * The model to fetch next: the largest that answers at a pleasant speed, else the fastest that
 * runs at all; null when none does.
 */
export function bestModel(catalogue: readonly CatalogueView[]): CatalogueView | null {
  const speed = (one: CatalogueView): number => one.tokensPerSecond?.low ?? 0;
  const fitting = catalogue.filter((one) => !one.installed && one.tokensPerSecond !== null);
  const pleasant = fitting.filter((one) => speed(one) >= pleasantTokensPerSecond);
  const [largest] = pleasant.sort((a, b) => b.parameters - a.parameters);
  const [fastest] = fitting.sort((a, b) => speed(b) - speed(a));
  return largest ?? fastest ?? null;
}

export function bestModelLines(catalogue: readonly CatalogueView[]): string[] {
  const best = bestModel(catalogue);
  if (best === null || best.tokensPerSecond === null) {
    return ['No model of the catalogue fits here: npx salvage models list --catalogue says why'];
  }
  const { low, high } = best.tokensPerSecond;
  const speed = `${tokensPerSecondText(low)} to ${tokensPerSecondText(high)} tokens/s predicted`;
  return [
    `The best real model for this cluster (${best.name}, ${bytesText(best.bytes)}, ${best.licence}; ${speed}):`,
    `  npx salvage models add ${best.source}`,
  ];
}

export interface Role {
  role: string;
  can: boolean;
  because: string;
}

export function roleLines(roles: readonly Role[]): string[] {
  return roles.map(
    ({ role, can, because }) => `  ${can ? 'yes' : 'no '}  ${role.padEnd(14)} ${because}`,
  );
}

export function nodeLine(node: NodeView): string {
  const memory = node.memoryTotalBytes === null ? '' : `, ${bytesText(node.memoryTotalBytes)}`;
  const cores = node.coresPhysical === null ? '' : `, ${node.coresPhysical} cores`;
  return `${node.nodeId}: ${node.cpuName ?? node.machine ?? 'unknown machine'}${cores}${memory}`;
}

export function curlLine(
  gatewayUrl: string,
  modelId: string,
  chat: boolean,
  prompt: string,
): string {
  const path = chat ? '/v1/chat/completions' : '/v1/completions';
  const body = chat
    ? { model: modelId, messages: [{ role: 'user', content: prompt }] }
    : { model: modelId, prompt };
  const json = JSON.stringify(body).replaceAll("'", `'\\''`);
  return `curl ${gatewayUrl}${path} -H 'content-type: application/json' -d '${json}'`;
}
