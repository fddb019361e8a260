// The package as it is published, and the examples of its README.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { serve } from "./real.ts";

const ROOT = `${import.meta.dirname}/..`;
/** In bytes. */
const MAX_SIZE = 6144;

test("the minified file is small", (context) => {
  const size = gzipSync(readFileSync(`${ROOT}/dist/lambda-ws-client.min.js`), { level: 9 }).length;
  context.diagnostic(`${size} of ${MAX_SIZE} bytes`);
  assert.ok(size <= MAX_SIZE, `${size} bytes: expected at most ${MAX_SIZE}`);
});

test("the page of the chat has the minified file of this package", () => {
  const copy = "crates/chat/web/lambda_ws_client.js";
  const [own, built] = [`${ROOT}/../../../${copy}`, `${ROOT}/dist/lambda-ws-client.min.js`].map((path) => readFileSync(path));
  assert.ok(own!.equals(built!), `${copy} differs; fix: cp dist/lambda-ws-client.min.js ../../chat/web/lambda_ws_client.js`);
});

test("the package contains only what is needed", () => {
  const options = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const answer = JSON.parse(execFileSync("npm", options, { cwd: ROOT, encoding: "utf8" }));
  const [pack] = Object.values(answer) as { files: { path: string }[] }[];
  const paths = pack!.files.map(({ path }) => path);
  const modules = ["client", "error", "events", "index", "machine", "platform", "protocol", "room", "subscription"];
  const expected = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "package.json", "dist/lambda-ws-client.min.js"];
  expected.push(...modules.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.js`]));
  assert.deepEqual(paths.toSorted(), expected.toSorted());
  const { dependencies, private: hidden } = JSON.parse(readFileSync(`${ROOT}/package.json`, "utf8"));
  assert.equal(dependencies, undefined, "there are no dependencies");
  assert.equal(hidden, undefined, "the package can be published");
});

test("an application compiles with the types of the installed package", async () => {
  const folder = mkdtempSync(`${tmpdir()}/lambda-ws-client-`);
  try {
    const installed = `${folder}/node_modules/lambda-ws-client`;
    cpSync(`${ROOT}/dist`, `${installed}/dist`, { recursive: true });
    cpSync(`${ROOT}/package.json`, `${installed}/package.json`);
    cpSync(`${ROOT}/test/application.ts`, `${folder}/application.ts`);
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022"];
    // Without the types of Node or of browsers.
    const types = ["--typeRoots", folder];
    execFileSync(`${ROOT}/node_modules/.bin/tsc`, [...options, ...types, `${folder}/application.ts`], { cwd: folder });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

suite("the examples of the README", async () => {
  const real = await serve((_, response) => response.end("ticket-or-token"));
  after(() => real.close());
  // Messages for the loops of the examples.
  const timer = setInterval(() => real.server.publish("tea", { user: "ann", text: "hello" }), 20);
  after(() => clearInterval(timer));
  const readme = readFileSync(`${ROOT}/README.md`, "utf8");
  const examples = [...readme.matchAll(/^```js\n(.*?)^```/gms)].map((match) => match[1]!);
  assert.ok(examples.length >= 4, "the README has examples");
  for (const [index, example] of examples.entries()) {
    test(`example ${index + 1} runs and ends`, { timeout: 20_000 }, async () => {
      const code = example
        .replaceAll("wss://example.com/dev", real.url)
        .replaceAll("https://example.com/", real.page);
      const child = spawn(process.execPath, ["--input-type=module", "-e", code], { cwd: ROOT });
      let output = "";
      child.stdout.on("data", (text) => (output += text));
      child.stderr.on("data", (text) => (output += text));
      const [status] = await once(child, "exit");
      assert.equal(status, 0, output);
      const printed = [...example.matchAll(/^\/\/ prints: (.*)$/gm)].map((match) => match[1]!);
      for (const line of printed) assert.ok(output.includes(line), output);
    });
  }
});
