// Serves a page with the client, for the test in a browser. It prints its address, and runs until its input ends.

import { readFileSync } from "node:fs";
import { serve, storm } from "./real.ts";

const PAGE = `<!doctype html><title>client</title><link rel="icon" href="data:,"><script type="module">
  import { Client } from "/client.js";
  const client = new Client({ url: () => "ws://" + location.host + "/dev", minBackoff: 10, maxBackoff: 100,
    keepAlive: 500, maxAge: 1000 });
  window.client = client;
  window.seqs = [];
  window.gaps = [];
  window.sockets = 0;
  const room = client.room("storm");
  room.on("subscribed", () => window.sockets++);
  room.on("gap", (gap) => window.gaps.push(gap));
  (async () => {
    for await (const { seq, data } of room) window.seqs.push(seq === data.number ? seq : "wrong data");
  })();
</script>`;

const client = readFileSync(`${import.meta.dirname}/../dist/lambda-ws-client.min.js`);
const real = await serve((request, response) => {
  if (request.url === "/client.js") response.setHeader("content-type", "text/javascript").end(client);
  else if (request.url === "/") response.setHeader("content-type", "text/html").end(PAGE);
  else if (request.url === "/storm") void storm(real, "storm", 300).then(() => response.end());
  else if (request.url === "/cut") {
    for (const connection of real.server.connections.keys()) real.server.cut(connection);
    response.end();
  } else response.writeHead(404).end();
});
console.log(real.page);
process.stdin.resume().on("end", () => process.exit());
