// Commands to nodes: sent once with an id and an expiry, answered once. What is not answered in
// time is an error; what is answered late is dropped.
import { type Command, type NodeReply, wireVersion } from '@salvage/contract';
import { type Clock, SalvageError, type Session } from '@salvage/kit';
import { limits } from '../limits.ts';

export interface Commands {
  /** Rejects with SLV_TIMEOUT without an answer, and with the node's own words when it refuses. */
  send(nodeId: string, command: Command, millisecondsMax?: number): Promise<NodeReply>;
  /** Takes in a reply; false when nobody waits for it (any more). */
  settle(reply: NodeReply): boolean;
}

export function createCommands(options: {
  session: () => Session | null;
  clock: Clock;
  newId: () => string;
}): Commands {
  const waiting = new Map<string, { reply: (reply: NodeReply) => void }>();
  return {
    send: async (nodeId, command, millisecondsMax = limits.commandMillisecondsMax) => {
      const session = options.session();
      if (session === null || !session.connected) {
        throw new SalvageError('SLV_BROKER', 'there is no connection to the broker');
      }
      if (waiting.size >= limits.commandsWaitingMax) {
        throw new SalvageError('SLV_TIMEOUT', `${waiting.size} commands wait for answers already`);
      }
      const commandId = options.newId();
      const answered = new AbortController();
      let answer: NodeReply | null = null;
      waiting.set(commandId, {
        reply: (reply) => {
          answer = reply;
          answered.abort();
        },
      });
      session.publish(
        'nodeCommand',
        { nodeId },
        {
          v: wireVersion,
          commandId,
          expiresAt: options.clock.unixMilliseconds() + millisecondsMax,
          command,
        },
      );
      await options.clock.sleep(millisecondsMax, answered.signal);
      waiting.delete(commandId);
      return checked(answer, nodeId, command.kind, millisecondsMax);
    },
    settle: (reply) => {
      const one = waiting.get(reply.commandId);
      one?.reply(reply);
      return one !== undefined;
    },
  };
}

function checked(
  answer: NodeReply | null,
  nodeId: string,
  kind: string,
  millisecondsMax: number,
): NodeReply {
  if (answer === null) {
    throw new SalvageError(
      'SLV_TIMEOUT',
      `${nodeId} did not answer "${kind}" in ${Math.round(millisecondsMax / 1000)} s`,
      { hint: 'see whether it is there: salvage status' },
    );
  }
  if (!answer.ok) {
    throw new SalvageError('SLV_TIMEOUT', `${nodeId} refused "${kind}": ${answer.message ?? ''}`, {
      hint: 'try again later',
    });
  }
  return answer;
}
