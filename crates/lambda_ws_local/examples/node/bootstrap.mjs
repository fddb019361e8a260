#!/usr/bin/env node
// A small replacement for the managed runtime of Node.js. It passes events of the Runtime API to a handler.
import http from "node:http";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true });

// `fetch` is not used, because it times out after five minutes without an event.
function call(method, path, value) {
    return new Promise((resolve, reject) => {
        const options = { host, port, agent, method, path: `/2018-06-01/runtime/${path}` };
        const request = http.request(options, async (response) => {
            try {
                const chunks = await response.toArray();
                resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() });
            } catch (error) {
                reject(error);
            }
        });
        request.on("error", reject);
        request.end(value === undefined ? undefined : JSON.stringify(value));
    });
}

const [file, name] = (process.env._HANDLER ?? "").includes(".")
    ? process.env._HANDLER.split(".")
    : ["index", "handler"];
const { [name]: handler } = await import(new URL(`${file}.mjs`, import.meta.url));

for (;;) {
    // This request waits until there is an event.
    const { headers, body } = await call("GET", "invocation/next");
    const awsRequestId = headers["lambda-runtime-aws-request-id"];
    const context = { awsRequestId, invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"] };
    try {
        const answer = await handler(JSON.parse(body), context);
        await call("POST", `invocation/${awsRequestId}/response`, answer ?? null);
    } catch (error) {
        console.error(error);
        const report = { errorType: error.name, errorMessage: error.message, trace: error.stack?.split("\n") };
        await call("POST", `invocation/${awsRequestId}/error`, report);
    }
}
