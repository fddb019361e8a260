//! Lambda's Runtime API, for one function.

use super::http::{Request, answer};
use std::error::Error;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// Lambda's Runtime API, for one function at a time.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    asked: mpsc::Receiver<Asked>,
}

/// A request that waits for its answer.
#[derive(Debug)]
struct Asked {
    request: Request,
    answer: oneshot::Sender<Answer>,
}

#[derive(Debug)]
enum Answer {
    Event(String),
    Accepted,
}

/// A function that waits for an event.
#[derive(Debug)]
#[must_use = "a function waits for it"]
pub(crate) struct Waiting(oneshot::Sender<Answer>);

impl RuntimeApi {
    pub(crate) async fn new() -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (ask, asked) = mpsc::channel(8);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let ask = ask.clone();
                // Ends with the function.
                tokio::spawn(async move { serve(stream, ask).await.ok() });
            }
        });
        Ok(Self { address, asked })
    }

    /// A function that waits for its next event.
    pub(crate) async fn next(&mut self) -> Result<Waiting, Box<dyn Error>> {
        let asked = self.asked.recv().await.ok_or("it listens")?;
        match asked.request.line().contains("/invocation/next") {
            true => Ok(Waiting(asked.answer)),
            false => Err(format!("no event was waited for: {:?}", asked.request).into()),
        }
    }

    /// Sends an event to a function, and returns after its response.
    pub(crate) async fn invoke(
        &mut self,
        waiting: Waiting,
        event: &str,
    ) -> Result<String, Box<dyn Error>> {
        let given = waiting.0.send(Answer::Event(event.to_owned()));
        given.map_err(|_| "the function has ended")?;
        let asked = self.asked.recv().await.ok_or("it listens")?;
        let is_response = asked.request.line().contains("/response ");
        let body = String::from_utf8_lossy(&asked.request.body).into_owned();
        if !is_response {
            return Err(format!("an event failed: {body}").into());
        }
        // It has ended if not.
        let _ = asked.answer.send(Answer::Accepted);
        Ok(body)
    }
}

async fn serve(mut stream: TcpStream, ask: mpsc::Sender<Asked>) -> Result<(), Box<dyn Error>> {
    stream.set_nodelay(true)?;
    while let Some(request) = Request::read(&mut stream).await? {
        let (reply, answered) = oneshot::channel();
        let asked = Asked {
            request,
            answer: reply,
        };
        ask.send(asked).await?;
        match answered.await? {
            Answer::Event(event) => {
                const HEADERS: &str = "Content-Type: application/json\r\n\
                    Lambda-Runtime-Aws-Request-Id: 8f507cfc-8697-4697-b07a-ac58fc914c95\r\n\
                    Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
                    Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:chat\r\n\
                    Lambda-Runtime-Trace-Id: Root=1-6566f071-707e729138f4d74b";
                // Each event has its own trace id, as on AWS.
                let headers = format!("{HEADERS}{:08x};Sampled=0\r\n", fastrand::u32(..));
                answer(&mut stream, "200 OK", &headers, event.as_bytes()).await?;
            }
            Answer::Accepted => answer(&mut stream, "202 Accepted", "", b"").await?,
        }
    }
    Ok(())
}
