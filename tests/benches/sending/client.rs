//! A process that sends.

use super::floor::Floor;
use super::sample::Sample;
use super::who;
use allocation_counter::{measure, opt_out};
use futures_util::{StreamExt, stream};
use lambda_ws::transport::{ApiGateway, AwsSdk, Transport};
use lambda_ws::{ConnectionId, IntoPayload, Payload};
use std::error::Error;
use std::time::{Duration, Instant};
use tests::{MIB, Meter, sdk_config};

/// The first argument of a client's process.
pub(super) const ROLE: &str = "client";

/// The size of a message in bytes.
const SIZE: usize = 200;

/// The sender.
enum Client {
    Api(Box<Api>),
    Floor(Floor),
}

/// A client of this library.
enum Management {
    Lean(ApiGateway),
    Sdk(AwsSdk),
}

/// The parts of a program that sends through this library.
struct Api {
    management: Management,
    ids: Vec<ConnectionId>,
    payload: Payload,
    in_flight: usize,
}

/// A client's process.
pub(super) fn run(mut args: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut next = || args.next().ok_or("a client has four arguments");
    let (who, url) = (next()?, next()?);
    let (in_flight, duration) = (next()?.parse()?, next()?.parse()?);
    let duration = Duration::from_secs_f64(duration);
    let meter = Meter::Process(std::process::id());

    let (started, before) = (Instant::now(), meter.time());
    let mut client = runtime.block_on(Client::new(&who, &url, in_flight))?;
    runtime.block_on(client.once());
    let (cold, cold_cpu) = (started.elapsed(), meter.time() - before);

    let mut pump = |duration| {
        let mut count = 0;
        // Counting takes time too.
        opt_out(|| count = runtime.block_on(client.pump(duration)));
        count as f64
    };
    pump(duration / 4);
    let (started, before) = (Instant::now(), meter.time());
    let count = pump(duration);
    let (elapsed, cpu) = (started.elapsed(), meter.time() - before);

    let mut counted = 0;
    let allocations = measure(|| counted = runtime.block_on(client.pump(duration / 4)));
    let sample = Sample {
        rate: count / elapsed.as_secs_f64(),
        cpu: cpu.as_secs_f64() * 1e6 / count,
        allocations: allocations.count_total as f64 / counted as f64,
        peak: meter.peak() as f64 / MIB,
        cold: cold.as_secs_f64() * 1e3,
        cold_cpu: cold_cpu.as_secs_f64() * 1e3,
    };
    sample.tell();
    Ok(())
}

impl Client {
    async fn new(who: &str, url: &str, in_flight: usize) -> Result<Self, Box<dyn Error>> {
        let management = match who {
            who::FLOOR => return Ok(Self::Floor(Floor::new(url, in_flight).await?)),
            who::LEAN => Management::Lean(ApiGateway::new(&sdk_config("test", "test"), url)),
            _ => Management::Sdk(AwsSdk::new(&sdk_config("test", "test"), url)),
        };
        let in_flight = match who {
            who::ONE_BY_ONE => 1,
            _ => in_flight,
        };
        let ids = std::iter::repeat_with(|| {
            let id = std::iter::repeat_with(fastrand::alphanumeric).take(15);
            let id: String = id.collect();
            ConnectionId::from(format!("{id}="))
        });
        Ok(Self::Api(Box::new(Api {
            management,
            ids: ids.take(1000).collect(),
            payload: "x".repeat(SIZE).into_payload()?,
            in_flight,
        })))
    }

    /// The number of concurrent posts.
    async fn once(&mut self) {
        match self {
            Self::Api(api) => {
                let posts = api.ids.iter().cycle().take(api.in_flight);
                api.post(posts).await;
            }
            // Its connections are made.
            Self::Floor(floor) => {
                floor.pump(Duration::from_millis(1)).await;
            }
        }
    }

    /// Posts for a time. Returns the number of posts.
    async fn pump(&mut self, duration: Duration) -> u64 {
        let started = Instant::now();
        match self {
            Self::Api(api) => {
                let ids = api.ids.iter().cycle();
                api.post(ids.take_while(|_| started.elapsed() < duration))
                    .await
            }
            Self::Floor(floor) => floor.pump(duration).await,
        }
    }
}

impl Api {
    async fn post<'a>(&'a self, ids: impl Iterator<Item = &'a ConnectionId>) -> u64 {
        match &self.management {
            Management::Lean(transport) => self.post_with(transport, ids).await,
            Management::Sdk(transport) => self.post_with(transport, ids).await,
        }
    }

    async fn post_with<'a>(
        &'a self,
        transport: &'a impl Transport,
        ids: impl Iterator<Item = &'a ConnectionId>,
    ) -> u64 {
        let posts = stream::iter(ids).map(|id| transport.post(id, &self.payload));
        let mut posts = std::pin::pin!(posts.buffer_unordered(self.in_flight));
        let mut count = 0;
        while let Some(posted) = posts.next().await {
            posted.expect("the server says yes to everything");
            count += 1;
        }
        count
    }
}
