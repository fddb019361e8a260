// An ordinary Lambda handler. It replies with the text in upper case.
export async function handler(event) {
    const route = event.requestContext.routeKey;
    if (route === "$connect" || route === "$disconnect") {
        return { statusCode: 200 };
    }
    const { text } = JSON.parse(event.body);
    return { statusCode: 200, body: JSON.stringify({ text: text.toUpperCase(), from: "node" }) };
}
