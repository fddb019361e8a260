// Builds `dist`: modules with types for bundlers and Node, and one minified file for a page without a bundler.

import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { build } from "esbuild";

// Names that only this package uses. The scenarios also run with the minified file, so a mistake here fails them.
const internal =
  "answer|askAt|call|deadline|deliver|due|emit|end|failures|frame|handle|link|members|nextId|noAnswer|open|opened|" +
  "openedAt|ping|pingAt|receive|replaceAt|sent|skip|socket|start|subscribe|unsubscribe";

process.chdir(`${import.meta.dirname}/..`);
rmSync("dist", { recursive: true, force: true });
execFileSync("node_modules/.bin/tsc", { stdio: "inherit" });
await build({
  ...{ entryPoints: ["src/index.ts"], outfile: "dist/lambda-ws-client.min.js" },
  ...{ bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none" },
  mangleProps: new RegExp(`^(${internal})$`),
});
for (const name of ["LICENSE-APACHE", "LICENSE-MIT"]) copyFileSync(`../../../${name}`, name);
