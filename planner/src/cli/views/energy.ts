// The energy report as text: coverage first, then the headline, then what a token costs by itself,
// then idle, then absolute watt-hours; tables below. Pure.
import type { Coverage, EnergyReport, NodeEnergyRow, UseRow } from '../../ledger/report.ts';
import {
  countText,
  durationText,
  figureCell,
  figureText,
  numberText,
  shareText,
  timeText,
  unknown,
  wholeText,
} from '../format.ts';
import { formatTable, type Look, wrapText } from '../table-format.ts';

/** `look.width` columns wide at most. */
export function reportText(report: EnergyReport, look: Look): string {
  const { jobs, tokens } = report;
  const all = jobs.done + jobs.failed + jobs.cancelled;
  const others = [
    ...(jobs.failed > 0 ? [`${jobs.failed} failed`] : []),
    ...(jobs.cancelled > 0 ? [`${jobs.cancelled} cancelled`] : []),
  ];
  const head = [
    `energy from ${timeText(report.since)} to ${timeText(report.until)}`,
    coverageLine(report.coverage),
    `${countText(all, 'job')}${others.length > 0 ? ` (${others.join(', ')})` : ''}, ` +
      `${wholeText(tokens.output)} tokens written, ${wholeText(tokens.prompt)} read` +
      (tokens.cached > 0 ? ` (${wholeText(tokens.cached)} of them from memory)` : ''),
  ];
  const blocks = [
    head.map((line) => wrapText(line, look.width, '', '  ')).join('\n'),
    ...report.scopes.map((scope) => scopeText(scope)),
    ...(report.scopes.length === 0 ? [cpuLine(report)] : []),
    ...(report.nodes.length === 0 ? [] : [nodesTable(report.nodes, look)]),
    ...(report.models.length === 0 ? [] : [usesTable('MODEL', report.models, look)]),
    ...(report.clients.length === 0 ? [] : [usesTable('CLIENT', report.clients, look)]),
    report.notes.map((note) => wrapText(note, look.width, '- ', '  ')).join('\n'),
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

function coverageLine(coverage: Coverage): string {
  if (coverage.share === null) return 'coverage: no node was heard in this period';
  const parts = (['measured', 'calibrated', 'estimated'] as const).flatMap((quality) => {
    const seconds = coverage[`${quality}Seconds`];
    if (seconds === 0) return [];
    const mark = quality === 'estimated' ? ' (E)' : '';
    return [`${shareText(seconds / coverage.nodeSeconds)} ${quality}${mark}`];
  });
  if (coverage.uncoveredSeconds > 0) {
    parts.push(`${durationText(coverage.uncoveredSeconds * 1000)} without a figure`);
  }
  const all = durationText(coverage.nodeSeconds * 1000);
  return `coverage: ${shareText(coverage.share)} of ${all} of node time: ${parts.join(', ')}`;
}

function scopeText(scope: EnergyReport['scopes'][number]): string {
  const atLeast = scope.isLowerBound ? '>= ' : '';
  const { job, idle, overhead, total } = scope.wattHours;
  const rows: [string, string][] = [
    ['per token, idle included', figure(scope.joulesPerToken, 'J', atLeast)],
    ['per token, jobs alone', figure(scope.joulesPerTokenMarginal, 'J', '')],
    ['idle, a day', figure(scope.idleWattHoursPerDay, 'Wh', '')],
    ['in all', figure(total, 'Wh', atLeast)],
    ['  jobs', figure(job, 'Wh', '')],
    ['  idle', figure(idle, 'Wh', '')],
    ['  overhead', figure(overhead, 'Wh', '')],
  ];
  const lines = rows.map(([name, text]) => `  ${name.padEnd(26)}${text}`);
  return [`${scope.scope}, ${countText(scope.nodes, 'node')}`, ...lines].join('\n');
}

function figure(value: Parameters<typeof figureText>[0], unit: string, prefix: string): string {
  return value === null ? unknown : `${prefix}${figureText(value, unit)}`;
}

function cpuLine({ cpuSeconds: { job, other } }: EnergyReport): string {
  if (job === null && other === null) return 'no energy was recorded in this period';
  return `no joules; CPU seconds instead: ${cpu(job)} for jobs, ${cpu(other)} for the rest`;
}

function cpu(seconds: number | null): string {
  return seconds === null ? unknown : numberText(seconds);
}

function nodesTable(nodes: readonly NodeEnergyRow[], look: Look): string {
  const table = formatTable({
    ...look,
    columns: [
      { head: 'NODE' },
      { head: 'SCOPE' },
      { head: 'COVERED', align: 'right' },
      { head: 'WH' },
      { head: 'J/TOKEN' },
      { head: 'TOKENS', align: 'right' },
      { head: 'CPU S', align: 'right' },
    ],
    rows: nodes.map((node) => [
      node.nodeId,
      node.scope ?? unknown,
      shareText(node.coverage.share),
      [
        figureCell(node.wattHours?.total ?? null),
        ...node.others.map((other) => `${other.scope}: ${figureCell(other.wattHours)}`),
      ].join('\n'),
      figureCell(node.joulesPerToken),
      wholeText(node.outputTokens),
      cpu(sumOf(node.cpuSeconds.job, node.cpuSeconds.other)),
    ]),
  });
  const sources = nodes.map((node) =>
    wrapText(`${node.nodeId}: ${node.sources.join(', ')}`, look.width, '  ', '    '),
  );
  return `${table}\nsources of the figures:\n${sources.join('\n')}`;
}

function usesTable(head: string, rows: readonly UseRow[], look: Look): string {
  return formatTable({
    ...look,
    columns: [
      { head },
      { head: 'JOBS', align: 'right' },
      { head: 'READ', align: 'right' },
      { head: 'WROTE', align: 'right' },
      { head: 'WH OF JOBS' },
      { head: 'J/TOKEN ALONE' },
      { head: 'CPU S', align: 'right' },
    ],
    rows: rows.map((row) => [
      row.name ?? '(unknown jobs)',
      ...(row.name === null ? [unknown, unknown, unknown] : countsOf(row)),
      perScope(row, (energy) => figureCell(energy.wattHours)),
      perScope(row, (energy) => figureCell(energy.joulesPerTokenMarginal)),
      cpu(row.cpuSeconds),
    ]),
  });
}

function countsOf(row: UseRow): string[] {
  const jobs = row.failed > 0 ? `${row.jobs}\n${row.failed} failed` : String(row.jobs);
  return [jobs, wholeText(row.promptTokens), wholeText(row.outputTokens)];
}

/** One line a scope; the scope is named where there is more than the wall. */
function perScope(row: UseRow, show: (energy: UseRow['energy'][number]) => string): string {
  if (row.energy.length === 0) return unknown;
  return row.energy
    .map((energy) => `${energy.scope === 'wall' ? '' : `${energy.scope}: `}${show(energy)}`)
    .join('\n');
}

function sumOf(one: number | null, other: number | null): number | null {
  return one === null && other === null ? null : (one ?? 0) + (other ?? 0);
}
