// One MQTT session of one program: connect, subscribe, republish our retained state on every
// connect (the broker keeps it in memory only), decode what comes, refuse what is bad. The client
// is an argument, so that kit needs no MQTT library and a simulator can stand in.
import type {
  Decoded,
  DecodeProblem,
  Message,
  Packet,
  TopicIds,
  TopicName,
} from '@salvage/contract';

/** The part of an mqtt.js client that a session uses. */
export interface MqttLike {
  readonly connected: boolean;
  on(event: 'connect' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'message', listener: (topic: string, payload: Uint8Array) => void): unknown;
  subscribe(
    filters: string[],
    options: { qos: 0 | 1 },
    done: (error?: Error | null) => void,
  ): unknown;
  publish(
    topic: string,
    payload: string,
    options: { qos: 0 | 1; retain: boolean },
    done: (error?: Error) => void,
  ): unknown;
  end(force: boolean, options: object, done: () => void): unknown;
}

/** The codec, as an argument: kit imports types of the contract at most. */
export interface Codec {
  encode<Name extends TopicName>(name: Name, ids: TopicIds<Name>, message: Message<Name>): Packet;
  decode(topic: string, payload: Uint8Array): Decoded | { ok: false; problem: DecodeProblem };
}

export interface Session {
  readonly connected: boolean;
  /** Publishes; what is retained is remembered and published again on every connect. */
  publish<Name extends TopicName>(name: Name, ids: TopicIds<Name>, message: Message<Name>): void;
  end(): Promise<void>;
}

export interface SessionOptions {
  client: MqttLike;
  codec: Codec;
  filters: string[];
  /** Called from the client's callback: enqueue, do not act. */
  onMessage(message: Decoded): void;
  onProblem(problem: DecodeProblem): void;
  /** After each connect, when subscriptions stand and retained state was sent again. */
  onConnect?(): void;
  onClose?(): void;
  onError?(error: Error): void;
}

/** Messages that are not retained and wait for a connection; older ones are dropped first. */
const waitingMax = 200;

export function createSession(options: SessionOptions): Session {
  const { client, codec } = options;
  const retained = new Map<string, Packet>();
  const waiting: Packet[] = [];
  let ended = false;

  const send = (packet: Packet): void => {
    client.publish(
      packet.topic,
      packet.payload,
      { qos: packet.qos, retain: packet.retain },
      (error) => {
        if (error !== undefined && error !== null && !ended) options.onError?.(error);
      },
    );
  };
  client.on('connect', () => {
    client.subscribe(options.filters, { qos: 1 }, (error) => {
      if (error) options.onError?.(error);
      for (const packet of retained.values()) send(packet);
      for (const packet of waiting.splice(0)) send(packet);
      options.onConnect?.();
    });
  });
  client.on('close', () => options.onClose?.());
  client.on('error', (error) => options.onError?.(error));
  client.on('message', (topic, payload) => {
    const decoded = codec.decode(topic, payload);
    if (decoded.ok) options.onMessage(decoded);
    else options.onProblem(decoded.problem);
  });

  return {
    get connected() {
      return client.connected;
    },
    publish: (name, ids, message) => {
      const packet = codec.encode(name, ids, message);
      if (packet.retain) retained.set(packet.topic, packet);
      if (client.connected) return send(packet);
      if (packet.retain) return;
      waiting.push(packet);
      if (waiting.length > waitingMax) waiting.shift();
    },
    end: () => {
      ended = true;
      return new Promise((resolve) => client.end(false, {}, resolve));
    },
  };
}
