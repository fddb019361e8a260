//! The rules of the real service, with the status of each in the gateway.

pub(super) struct Line {
    pub(super) number: &'static str,
    pub(super) behaviour: &'static str,
    pub(super) status: Status,
}

#[derive(Clone, Copy)]
pub(super) enum Status {
    Reproduced,
    /// AWS does not document it. The text is the gateway's behaviour, and the option that changes it.
    Assumed(&'static str),
    /// It is not reproduced. The text is the reason.
    Different(&'static str),
}

use Status::{Assumed, Different, Reproduced};

const fn line(number: &'static str, behaviour: &'static str, status: Status) -> Line {
    Line {
        number,
        behaviour,
        status,
    }
}

pub(super) const LINES: &[Line] = &[
    line(
        "A1",
        "clients connect to `/{stage}`; TLS 1.2 and 1.3",
        Reproduced,
    ),
    line("A2", "a URL has at most 4096 characters", Reproduced),
    line("A3", "a plain GET is a 426", Reproduced),
    line(
        "A4",
        "an unknown stage is a 403",
        Assumed("as in REST APIs"),
    ),
    line(
        "A5",
        "the callback URL is `https://{domainName}/{stage}`",
        Reproduced,
    ),
    line("B1", "`$connect` runs before the 101", Reproduced),
    line("B2", "`$connect` is optional", Reproduced),
    line(
        "B3",
        "API key or authorizer, then `$connect`, then the 101; once per connection",
        Reproduced,
    ),
    line(
        "B4",
        "the status of `$connect` is the handshake's; a failure is a 502",
        Reproduced,
    ),
    line(
        "B5",
        "the body and the headers of a rejecting `$connect` are not forwarded",
        Assumed("a body of the gateway, with message, connectionId and requestId"),
    ),
    line(
        "B6",
        "of the headers of `$connect` only the sub-protocol is used",
        Reproduced,
    ),
    line(
        "B7",
        "the 101 in lower case, with its date",
        Different("permessage-deflate is not negotiated, because the framing does not support it"),
    ),
    line(
        "B8",
        "a sub-protocol is echoed only if the function returns it",
        Reproduced,
    ),
    line(
        "B9",
        "NONE, AWS_IAM and CUSTOM on `$connect`, with the outcomes 401, 403 and 500",
        Reproduced,
    ),
    line("B10", "an authorizer's event", Reproduced),
    line(
        "B11",
        "an API key that is missing or unknown is a 403",
        Different("usage plans, and with them 429 by quota, are not reproduced"),
    ),
    line(
        "B12",
        "too many new connections are a 429",
        Assumed("off without --throttle"),
    ),
    line("C1", "the CONNECT event", Reproduced),
    line("C2", "the MESSAGE event", Reproduced),
    line(
        "C3",
        "the DISCONNECT event, its codes and reasons",
        Reproduced,
    ),
    line("C4", "the authorizer's REQUEST event", Reproduced),
    line("D1", "the route selection expression", Reproduced),
    line("D2", "keys match exactly, else `$default`", Reproduced),
    line(
        "D3",
        "a body that is not JSON selects `$default`; names need no quotes",
        Reproduced,
    ),
    line("D4", "without a route: a Forbidden frame", Reproduced),
    line("D5", "numbers and booleans are keys as text", Reproduced),
    line(
        "D6",
        "`$connect` and `$disconnect` cannot be selected by a message",
        Assumed("no match"),
    ),
    line("D7", "a body that its model rejects", Reproduced),
    line("E1", "one-way routes send no response", Reproduced),
    line(
        "E2",
        "a route response `$default` makes a route two-way: the body is sent, whatever the status",
        Reproduced,
    ),
    line("E3", "a failure is an error frame", Reproduced),
    line("E4", "a malformed response is an error frame", Reproduced),
    line(
        "E5",
        "a timeout is an error frame; the function continues",
        Reproduced,
    ),
    line(
        "E6",
        "a throttled message is an error frame",
        Assumed("the text `Too Many Requests`"),
    ),
    line(
        "E7",
        "a function that cannot be called is an error frame",
        Reproduced,
    ),
    line("E8", "the response of `$disconnect` is ignored", Reproduced),
    line(
        "E9",
        "AWS, HTTP and MOCK integrations",
        Different(
            "a MOCK of plain text responds; routes with other integrations return an error, and a note at the start names their lines",
        ),
    ),
    line("F1", "a binary frame closes with 1003", Reproduced),
    line(
        "F2",
        "a frame over 32 KB or a message over 128 KB closes with 1009",
        Reproduced,
    ),
    line("F3", "outbound messages in frames of 32 KB", Reproduced),
    line("F4", "outbound frames are text", Reproduced),
    line("F5", "10 minutes without a message: 1001", Reproduced),
    line("F6", "2 hours: 1001", Reproduced),
    line(
        "F7",
        "pings get a pong, and no function is invoked",
        Assumed("they do not reset the idle timeout; `pings_reset_idle` changes it"),
    ),
    line(
        "F8",
        "messages of a connection run concurrently",
        Reproduced,
    ),
    line("F9", "a closed connection is gone at once", Reproduced),
    line(
        "F10",
        "1002 for protocol errors, 1007 for text that is not UTF-8",
        Assumed("the codes of RFC 6455"),
    ),
    line("G1", "`@` and the id in both encodings", Reproduced),
    line("G2", "a body of raw bytes without a type", Reproduced),
    line("G3", "SigV4, and the errors without it", Reproduced),
    line("G4", "200, 200 with JSON, 204", Reproduced),
    line("G5", "the body of a GET", Reproduced),
    line("G6", "the errors, which a header distinguishes", Reproduced),
    line(
        "G7",
        "a post to the connection that is being opened is a 410",
        Reproduced,
    ),
    line(
        "G8",
        "a post to another connection from `$connect` and `$disconnect`",
        Reproduced,
    ),
    line(
        "G9",
        "a DELETE closes with 1000, and `$disconnect` is invoked",
        Reproduced,
    ),
    line(
        "G10",
        "`lastActiveAt`",
        Assumed("messages in both directions count"),
    ),
    line(
        "G11",
        "posts share the account's rate",
        Assumed("off without --throttle"),
    ),
    line("J1", "IPv6 source addresses", Reproduced),
];
