// The status of a cluster as text. Pure.

import type { EnergyReport } from '../../ledger/report.ts';
import type { StatusView } from '../../operator/api.ts';
import { countText, durationText, figureText, numberText, shareText } from '../format.ts';
import { formatTable, type Look, wrapText } from '../table-format.ts';
import { nodesTable } from '../tables.ts';

export function statusText(
  status: StatusView,
  options: { energy: EnergyReport | null; now: number; look: Look },
): string {
  const { look, now } = options;
  const door = status.lanOpen ? `open to the network: ${status.hubUrl}` : 'closed';
  const broker = status.brokerConnected ? (status.broker?.server ?? 'connected') : 'not connected';
  const parts = [
    `cluster ${status.clusterId}, salvage ${status.version}, ` +
      `running for ${durationText(now - status.startedAt)}`,
    `gateway ${status.gatewayUrl}, broker ${broker}`,
    `join door ${door}`,
    '',
    nodesTable(status.nodes, look),
    '',
    placementsText(status, look),
    `jobs: ${status.jobs.running} running, ${status.jobs.waiting} waiting`,
    ...(options.energy === null
      ? []
      : [wrapText(energyLine(options.energy), look.width, '', '  ')]),
    ...warningsOf(status).map((line) => wrapText(line, look.width, '', '  ')),
  ];
  return parts.join('\n');
}

/** The energy of a day in one line: absolute first, then per token, then how much is covered. */
export function energyLine(report: EnergyReport): string {
  const head = `energy, last ${durationText(report.until - report.since)}: `;
  const best = report.scopes[0];
  if (best === undefined) {
    const { job, other } = report.cpuSeconds;
    if (job === null && other === null) return `${head}nothing recorded yet`;
    const spent = numberText((job ?? 0) + (other ?? 0));
    return `${head}${spent} CPU seconds; no joules (salvage energy report says why)`;
  }
  const atLeast = best.isLowerBound ? '>= ' : '';
  const perToken =
    best.joulesPerToken === null
      ? ''
      : `, ${atLeast}${figureText(best.joulesPerToken, 'J')} per token`;
  const total = `${atLeast}${figureText(best.wattHours.total, 'Wh')}`;
  return `${head}${total} ${best.scope}${perToken}, coverage ${shareText(report.coverage.share)}`;
}

function placementsText(status: StatusView, look: Look): string {
  if (status.placements.length === 0) return 'no model is placed: the first request places one';
  return `${formatTable({
    ...look,
    columns: [
      { head: 'MODEL' },
      { head: 'NODE' },
      { head: 'CONTEXT', align: 'right' },
      { head: 'READY' },
      { head: 'BECAUSE', wraps: true },
    ],
    rows: status.placements.map((placement) => [
      placement.modelId,
      placement.nodeId,
      String(placement.contextTokens),
      placement.ready ? 'yes' : 'not yet',
      placement.reason,
    ]),
  })}\n`;
}

function warningsOf(status: StatusView): string[] {
  const all = [
    ...status.warnings.map((warning) => ({ warning, where: '' })),
    ...status.nodes.flatMap((node) =>
      node.warnings.map((warning) => ({ warning, where: `${node.nodeId}: ` })),
    ),
  ];
  const lines = all.map(({ warning, where }) => {
    const advice = warning.advice === '' ? '' : ` -> ${warning.advice}`;
    return `${warning.severity}: ${where}${warning.title}. ${warning.text}${advice}`;
  });
  if (lines.length === 0) return [];
  return ['', `${countText(lines.length, 'warning')}:`, ...lines];
}
