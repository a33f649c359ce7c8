// What `up` says in the terminal: short aligned lines, and nothing when asked for JSON.
export interface Say {
  line(text?: string): void;
  item(name: string, text: string): void;
  raw(text: string): void;
}

export function createSay(write: (text: string) => void): Say {
  return {
    line: (text = '') => write(`${text}\n`),
    item: (name, text) => write(`  ${name.padEnd(9)} ${text}\n`),
    raw: write,
  };
}
