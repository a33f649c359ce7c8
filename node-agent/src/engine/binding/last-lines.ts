// The last lines that a child wrote, bounded in number and length, for the message that says why
// it ended.
import { StringDecoder } from 'node:string_decoder';
import { engineLimits } from '../limits.ts';

export interface LastLines {
  add(chunk: Buffer): void;
  text(): string;
}

export function createLastLines(onLine: (line: string) => void): LastLines {
  const decoder = new StringDecoder('utf8');
  const lines: string[] = [];
  let rest = '';
  const keep = (line: string): void => {
    if (line.trim() === '') return;
    const cut = line.slice(0, engineLimits.lineCharactersMax);
    lines.push(cut);
    if (lines.length > engineLimits.lastLinesMax) lines.shift();
    onLine(cut);
  };
  return {
    add: (chunk) => {
      const parts = (rest + decoder.write(chunk)).split('\n');
      rest = (parts.pop() ?? '').slice(0, engineLimits.lineCharactersMax);
      parts.forEach(keep);
    },
    text: () => [...lines, rest].filter((line) => line.trim() !== '').join('\n'),
  };
}
