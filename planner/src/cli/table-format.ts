// Tables for terminals: cli-table3 without borders, a line under the head, two blanks between
// columns, and never wider than the terminal: the columns that may wrap share what is missing.
import Table from 'cli-table3';

/** How the terminal wants it. */
export interface Look {
  /** Width of the terminal in characters. */
  width: number;
  bold(text: string): string;
}

export const plainLook: Look = { width: 80, bold: (text) => text };

export interface Column {
  head: string;
  /** Numbers stand right. */
  align?: 'left' | 'right';
  /** True: this column wraps when the line is too long for the terminal. */
  wraps?: boolean;
}

export interface TableOptions extends Look {
  columns: readonly Column[];
  rows: readonly (readonly string[])[];
}

const gap = 2;
const none = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', right: '', 'right-mid': '' },
};

/** The table as lines without trailing blanks, ending without a line break. */
export function formatTable(options: TableOptions): string {
  const { columns, rows, bold } = options;
  const table = new Table({
    head: columns.map(({ head }) => bold(head)),
    chars: { ...none, mid: '-', 'mid-mid': ' '.repeat(gap), middle: ' '.repeat(gap) },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
    colWidths: widthsOf(options),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    wordWrap: true,
    wrapOnWordBoundary: true,
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/**
 * Natural widths; what is too much is taken from the widest wrapping column, a character at a time,
 * but no word is broken: a name cut short is worse than a line that is too long.
 */
function widthsOf({ columns, rows, width }: TableOptions): number[] {
  const cellsOf = (index: number): string[] => [
    columns[index]?.head ?? '',
    ...rows.map((row) => row[index] ?? ''),
  ];
  const widths = columns.map((_, index) => longest(cellsOf(index), '\n'));
  const floors = columns.map(({ wraps }, index) =>
    wraps === true ? longest(cellsOf(index), /\s/) : (widths[index] ?? 0),
  );
  const total = (): number => widths.reduce((sum, one) => sum + one, gap * (widths.length - 1));
  while (total() > width) {
    const shrinking = widths
      .map((one, index) => ({ one, index }))
      .filter(({ one, index }) => one > (floors[index] ?? 0))
      .sort((a, b) => b.one - a.one);
    const [widest] = shrinking;
    if (widest === undefined) break;
    widths[widest.index] = widest.one - 1;
  }
  return widths;
}

function longest(texts: readonly string[], separator: string | RegExp): number {
  const pieces = texts.flatMap((text) => text.split(separator));
  return Math.max(1, ...pieces.map((piece) => [...piece].length));
}

/** Breaks a paragraph at blanks; `first` stands before its first line, `rest` before the others. */
export function wrapText(text: string, width: number, first = '', rest = first): string {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(/\s+/).filter((one) => one !== '')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = rest + word;
    } else {
      line += isEmpty ? word : ` ${word}`;
    }
    isEmpty = false;
  }
  return [...lines, line].join('\n');
}
