// An ordinary Lambda handler: it shouts back what it hears.
export async function handler(event) {
    const route = event.requestContext.routeKey;
    if (route === "$connect" || route === "$disconnect") {
        return { statusCode: 200 };
    }
    const { text } = JSON.parse(event.body);
    return { statusCode: 200, body: JSON.stringify({ text: text.toUpperCase(), from: "node" }) };
}
