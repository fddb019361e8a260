export { Client, type ClientEvents, type ClientOptions, type RequestOptions, type RoomOptions } from "./client.ts";
export { ClientError, type ErrorCode, type ErrorDetails } from "./error.ts";
export type { State } from "./machine.ts";
export type { Platform, Socket } from "./platform.ts";
export type { Position } from "./protocol.ts";
export { Subscription, type Gap, type Message, type SubscriptionEvents } from "./subscription.ts";
