//! The ports of the servers, and the machines that can reach them.

use super::failure::Failure;
use super::options::{Options, ProjectOptions, Server};
use super::report::Reporter;
use crate::gateway::{Audience, reachable};
use clap::ValueEnum;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpListener;

impl ProjectOptions {
    /// Listens on a port of the chosen address. `option` names the option of the port.
    pub(super) async fn bind(&self, port: u16, option: &str) -> Result<TcpListener, Failure> {
        bind(self.listen, port, option).await
    }

    fn exposes(&self, server: Server) -> bool {
        self.expose.contains(&server)
    }

    /// Returns the audience of a page on the gateway's port.
    pub(super) fn audience(&self, server: Server) -> Audience {
        match self.exposes(server) {
            true => Audience::OtherMachines,
            false => Audience::ThisMachine,
        }
    }

    /// Listens on a port of loopback, unless `server` is exposed. `option` names the option of the port.
    pub(super) async fn bind_local(
        &self,
        server: Server,
        port: u16,
        option: &str,
    ) -> Result<TcpListener, Failure> {
        let address = match (self.exposes(server), self.listen) {
            (true, listen) => listen,
            (false, IpAddr::V4(v4)) if v4.is_loopback() => v4.into(),
            (false, IpAddr::V4(_)) => Ipv4Addr::LOCALHOST.into(),
            (false, IpAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
        };
        bind(address, port, option).await
    }

    /// Warns about servers that other machines can reach.
    pub(super) fn warn_of_exposure(&self, unsigned: bool, reporter: &Reporter) {
        for (index, line) in self.exposure(unsigned).iter().enumerate() {
            match index {
                0 => reporter.warning(line),
                _ => reporter.note(line),
            }
        }
    }

    /// Returns a warning and notes, or nothing if only this machine can reach the servers.
    fn exposure(&self, unsigned: bool) -> Vec<String> {
        if self.listen.is_loopback() {
            return Vec::new();
        }
        let signed = match unsigned {
            true => "the management API (unsigned: --no-auth)",
            false => "the management API (signed)",
        };
        let (open, closed): (Vec<&Server>, Vec<_>) = Server::value_variants()
            .iter()
            .partition(|server| self.exposes(**server));
        let open = open.iter().map(|server| server.about());
        let open: Vec<_> = ["the websocket", signed].into_iter().chain(open).collect();
        let listen = self.listen;
        let mut lines = vec![format!(
            "--listen {listen} lets other machines reach {}",
            open.join(", ")
        )];
        if self.allow_host.is_empty() {
            lines.push(
                "without --allow-host only requests for a loopback host name are accepted, which other machines can send: \
                 name this machine with --allow-host, or listen on 127.0.0.1"
                    .to_owned(),
            );
        }
        if !closed.is_empty() {
            let names = closed
                .iter()
                .filter_map(|server| server.to_possible_value());
            let names: Vec<_> = names.map(|name| name.get_name().to_owned()).collect();
            lines.push(format!(
                "only this machine can reach {0} (--expose {1} opens them to others)",
                names.join(", "),
                names.join(",")
            ));
        }
        lines
    }
}

/// The sockets of the emulator's servers.
pub(super) struct Ports {
    pub(super) gateway: TcpListener,
    pub(super) dynamodb: TcpListener,
    pub(super) lambda: TcpListener,
}

impl Ports {
    pub(super) async fn bind(options: &Options) -> Result<Ports, Failure> {
        let project = &options.project;
        let gateway = project.bind(options.port, "--port").await?;
        let free = if options.port == 0 { 0 } else { 8000 };
        let dynamodb = options.dynamodb_port.unwrap_or(free);
        let dynamodb = project.bind_local(Server::Dynamodb, dynamodb, "--dynamodb-port");
        let dynamodb = dynamodb.await?;
        let lambda = project.bind_local(Server::Lambda, options.lambda_port, "--lambda-port");
        Ok(Ports {
            gateway,
            dynamodb,
            lambda: lambda.await?,
        })
    }
}

pub(super) fn url(listener: &TcpListener) -> std::io::Result<String> {
    Ok(format!("http://{}", reachable(listener.local_addr()?)))
}

/// Listens on a port. `option` names its option.
async fn bind(ip: IpAddr, port: u16, option: &str) -> Result<TcpListener, Failure> {
    let address = SocketAddr::new(ip, port);
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => Failure::new(format!(
            "port {port} is in use: choose another with {option} PORT, or --port 0 for free ports"
        )),
        ErrorKind::PermissionDenied => Failure::new(format!(
            "port {port} needs more permissions than this user has: choose a port above 1023 with {option} PORT"
        )),
        ErrorKind::AddrNotAvailable => Failure::new(format!(
            "{ip} is not an address of this machine: choose another with --listen"
        )),
        _ => Failure::because(&format!("cannot listen on {address}"), error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> ProjectOptions {
        Options::parse(args).expect("arguments").project
    }

    #[test]
    fn fault_l8_other_machines_reach_nothing_unless_asked_and_the_start_names_what() {
        assert_eq!(options(&[]).exposure(false), [""; 0]);
        let lines = options(&["--listen", "0.0.0.0"]).exposure(false);
        let expected = "the websocket, the management API (signed)";
        assert!(lines[0].ends_with(expected), "{lines:?}");
        assert!(lines[1].contains("--allow-host"), "{lines:?}");
        let expected = "dynamodb, lambda, console, admin";
        assert!(lines[2].contains(expected), "{lines:?}");
        let sam = [
            "--listen",
            "0.0.0.0",
            "--allow-host",
            "host.docker.internal",
        ];
        let sam = [&sam[..], &["--expose", "dynamodb,lambda"]].concat();
        let lines = options(&sam).exposure(true);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("unsigned: --no-auth"), "{lines:?}");
        assert!(lines[0].contains("DynamoDB (without"), "{lines:?}");
        assert!(lines[1].contains("can reach console, admin"), "{lines:?}");
        assert!(Options::parse(&["--expose", "websocket"]).is_err());
    }

    #[tokio::test]
    async fn fault_l8_a_server_listens_on_loopback_unless_it_is_exposed() {
        let ip = async |options: ProjectOptions| {
            let bound = options
                .bind_local(Server::Dynamodb, 0, "--dynamodb-port")
                .await;
            bound.unwrap().local_addr().unwrap().ip()
        };
        assert!(ip(options(&["--listen", "0.0.0.0"])).await.is_loopback());
        let lambda = options(&["--listen", "0.0.0.0", "--expose", "lambda"]);
        assert!(ip(lambda).await.is_loopback());
        let dynamodb = options(&["--listen", "0.0.0.0", "--expose", "dynamodb"]);
        assert!(ip(dynamodb).await.is_unspecified());
        let console = options(&["--expose", "console"]);
        assert_eq!(console.audience(Server::Console), Audience::OtherMachines);
        assert_eq!(console.audience(Server::Admin), Audience::ThisMachine);
    }
}
