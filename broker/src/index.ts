// @salvage/broker: the MQTT broker of a cluster, to start in one's own process or (main.ts) as one.
export { type BrokerOptions, type RunningBroker, startBroker } from './broker.ts';
export { type ServerName, serverNames } from './server.ts';
