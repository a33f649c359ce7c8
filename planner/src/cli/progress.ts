// Progress on stderr: a bar where it can be redrawn, else a line at each quarter, so that a log
// file does not fill with them.
import cliProgress from 'cli-progress';
import { bytesText, shareText } from './format.ts';
import type { Terminal } from './terminal.ts';

export interface Progress {
  update(step: string, doneBytes: number, totalBytes: number | null): void;
  stop(): void;
}

const linesPerStep = 4;

export function createProgress(terminal: Terminal): Progress {
  return terminal.canRedraw ? barProgress(terminal) : lineProgress(terminal);
}

function barProgress(terminal: Terminal): Progress {
  const bar = new cliProgress.SingleBar(
    {
      format: '{step} [{bar}] {percentage} %  {done} of {all}  {eta_formatted} left',
      stream: terminal.notes,
      hideCursor: true,
      barsize: 24,
      etaBuffer: 50,
    },
    cliProgress.Presets.legacy,
  );
  let isStarted = false;
  let step = '';
  return {
    update: (next, doneBytes, totalBytes) => {
      const total = totalBytes ?? Math.max(1, doneBytes);
      const words = {
        step: next,
        done: bytesText(doneBytes),
        all: totalBytes === null ? 'unknown' : bytesText(totalBytes),
      };
      if (!isStarted || next !== step) {
        if (isStarted) bar.stop();
        bar.start(total, doneBytes, words);
        isStarted = true;
        step = next;
        return;
      }
      bar.setTotal(total);
      bar.update(doneBytes, words);
    },
    stop: () => {
      if (isStarted) bar.stop();
      isStarted = false;
    },
  };
}

function lineProgress(terminal: Terminal): Progress {
  let said = '';
  return {
    update: (step, doneBytes, totalBytes) => {
      if (totalBytes === null || totalBytes === 0) return;
      const quarter = Math.floor((doneBytes / totalBytes) * linesPerStep);
      const key = `${step} ${quarter}`;
      if (key === said) return;
      said = key;
      const share = shareText(doneBytes / totalBytes);
      terminal.note(`${step} ${share}  ${bytesText(doneBytes)} of ${bytesText(totalBytes)}`);
    },
    stop: () => undefined,
  };
}
