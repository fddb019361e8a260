//! The sample of one process, which it reports to its parent.

use super::authority::Authority;
use super::client::ROLE;
use super::server::Server;
use std::error::Error;
use std::process::{Command, Stdio};
use std::time::Duration;
use tests::bench::Who;

/// The sample of one process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Messages a second.
    pub(super) rate: f64,
    /// Processor time a message, in us.
    pub(super) cpu: f64,
    /// Allocations a message.
    pub(super) allocations: f64,
    /// The peak of its memory, in MB.
    pub(super) peak: f64,
    /// The time for the same number of messages at once, without a connection, in ms.
    pub(super) cold: f64,
    /// The processor time of that, in ms.
    pub(super) cold_cpu: f64,
}

impl Sample {
    /// Lets another process send for a time.
    pub(super) fn take(
        who: Who,
        server: &Server,
        authority: &Authority,
        in_flight: usize,
        duration: Duration,
    ) -> Result<Self, Box<dyn Error>> {
        let output = Command::new(std::env::current_exe()?)
            .args([ROLE, who, &server.url, &in_flight.to_string()])
            .arg(duration.as_secs_f64().to_string())
            .env("AWS_CA_BUNDLE", authority.root())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        let output = String::from_utf8(output.stdout)?;
        let numbers = output.split_whitespace().map(str::parse);
        let numbers = numbers.collect::<Result<Vec<f64>, _>>()?;
        let numbers: [f64; 6] = numbers
            .try_into()
            .map_err(|_| format!("a client for `{who}` ends without a sample"))?;
        let [rate, cpu, allocations, peak, cold, cold_cpu] = numbers;
        Ok(Self {
            rate,
            cpu,
            allocations,
            peak,
            cold,
            cold_cpu,
        })
    }

    /// Reports to the parent.
    pub(super) fn tell(self) {
        let Self {
            rate,
            cpu,
            allocations,
            peak,
            cold,
            cold_cpu,
        } = self;
        println!("{rate} {cpu} {allocations} {peak} {cold} {cold_cpu}");
    }
}
