// An application, compiled with the types of the package as it is installed.

import { Client, type Message, type Position } from "lambda-ws-client";

export function start(since: Position): () => void {
  const client = new Client({ url: async () => "wss://example.com/dev?ticket=1", queueDrops: "oldest" });
  const room = client.room<{ text: string }>("tea", { since, token: () => "token" });
  const off: () => void = room.on("gap", ({ lost }: { lost?: number }) => lost);
  const texts = async () => {
    for await (const message of room) {
      const { data, seq }: Message<{ text: string }> = message;
      data.text.at(seq ?? 0);
    }
  };
  const reply: Promise<number> = client.request<number>({ action: "say" }, { timeout: 5_000, safe: true });
  // @ts-expect-error: there is no such event
  client.on("nothing", () => {});
  // @ts-expect-error: internal
  client.emit("state", client.state);
  void [texts(), reply];
  return off;
}
