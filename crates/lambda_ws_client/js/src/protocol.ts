// The frames of the server, checked. Anything may arrive, so each reader returns undefined for what is not valid.

/** The place of a message in a room: an epoch and a sequence number. */
export type Position = readonly [epoch: string, seq: number];

/** The position of a room in an answer, and the messages after the position that the client sent. */
export interface Answer {
  /** Absent in a room without history. */
  position?: Position;
  recovered: boolean;
  messages: [seq: number, data: unknown][];
  more: boolean;
}

export type Json = Record<string, unknown>;

/** Compares two positions: less than 0, 0, or greater than 0. */
export function compare(a: Position, b: Position): number {
  return a[0] === b[0] ? a[1] - b[1] : a[0] < b[0] ? -1 : 1;
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isSeq = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Returns the position in a frame, null if the frame has none, and undefined if it is not valid. */
export function readPosition(frame: Json): Position | null | undefined {
  const { epoch, seq } = frame;
  if (epoch === undefined && seq === undefined) return null;
  return typeof epoch === "string" && isSeq(seq) ? [epoch, seq] : undefined;
}

/** Returns the answer for one room: the frame `subscribed`, or a room of the frame `pong`. */
export function readAnswer(frame: unknown): Answer | undefined {
  if (!isObject(frame)) return undefined;
  const position = readPosition(frame);
  const { recovered = true, messages = [], more = false } = frame;
  if (position === undefined || typeof recovered !== "boolean" || typeof more !== "boolean") return undefined;
  if (!Array.isArray(messages) || !messages.every((one) => Array.isArray(one) && isSeq(one[0]) && one[0] > 0)) {
    return undefined;
  }
  return { ...(position && { position }), recovered, messages, more };
}
