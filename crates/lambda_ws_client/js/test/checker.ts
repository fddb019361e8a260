// Compares what a client received with the log of the server.

import assert from "node:assert/strict";
import type { Gap, Position, Subscription } from "../src/index.ts";

/** Notes the first message that is lost without a gap, repeated, or out of order. */
export class Checker {
  position: Position | undefined;
  received = 0;
  readonly gaps: Gap[] = [];
  /** An exception in a listener would be an uncaught one. */
  failure: unknown;

  constructor(room: Subscription, expected: (position: Position) => unknown) {
    const check =
      <T>(listener: (value: T) => void) =>
      (value: T) => {
        try {
          if (!this.failure) listener(value);
        } catch (error) {
          this.failure = error;
        }
      };
    room.on("subscribed", check(({ position }) => {
      this.position ??= position;
      assert.deepEqual(position, this.position, "the subscription continues where the client is");
    }));
    room.on("gap", check((gap) => {
      assert.deepEqual(gap.from, this.position, "a gap begins at the position");
      this.gaps.push(gap);
      this.position = gap.to;
    }));
    room.on("message", check(({ epoch, seq, data }) => {
      const [now, last] = this.position!;
      assert.deepEqual([epoch, seq], [now, last + 1], "each message follows the one before it");
      assert.deepEqual(data, expected([epoch!, seq!]), "the data is that of the log");
      this.position = [epoch!, seq!];
      this.received++;
    }));
  }
}
