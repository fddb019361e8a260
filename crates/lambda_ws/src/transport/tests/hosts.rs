//! Tests of hosts that are missing, not trusted or redirected, with both clients.

use super::server::{Server, ServerAction};
use super::{CLIENTS, ManagementClient, config, config_with};
use crate::ConnectionId;
use crate::error::SendError;
use crate::https::sdk::sdk_client;
use crate::tls::{Roots, Tls};
use crate::transport::{ApiGateway, AwsSdk, Transport};
use std::path::PathBuf;

/// Calls a missing host with both clients.
async fn nobody(url: &str) {
    for client in CLIENTS {
        let transport = client.connect(&config(), url);
        let result = transport.inspect(&ConnectionId::from("a")).await;
        let error = result.unwrap_err();
        assert!(matches!(error, SendError::Unavailable(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_known_or_does_not_listen_is_unavailable() {
    nobody("http://no.such.host.invalid/dev").await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/dev", free.local_addr().unwrap());
    drop(free);
    nobody(&url).await;
}

#[tokio::test]
async fn an_address_of_ipv6_is_an_address() {
    // This only works with IPv6.
    let Ok(server) =
        Server::start_at("[::1]:0", |_, _, _| ServerAction::HttpResponse(200, "{}")).await
    else {
        return;
    };
    for client in CLIENTS {
        let transport = client.connect(&config(), &server.url);
        transport.inspect(&ConnectionId::from("a")).await.unwrap();
    }
    let hosts = server.seen().into_iter();
    let hosts = hosts.map(|seen| seen.header("host").unwrap().to_owned());
    let hosts: Vec<_> = hosts.collect();
    assert_eq!(hosts[0], hosts[1]);
}

#[tokio::test]
async fn a_host_is_trusted_if_the_bundle_has_its_authority_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.pem");
    let server = Server::start_tls(|_, _, _| ServerAction::HttpResponse(200, "{}")).await;
    let ask = async |client, roots: &Roots| {
        let tls = Tls::trusting(roots.clone());
        let config = config_with(sdk_client(tls.clone()));
        let id = ConnectionId::from("a");
        match client {
            ManagementClient::Lean => {
                let transport = ApiGateway::with_tls(&config, &server.url, tls);
                Transport::inspect(&transport, &id).await
            }
            ManagementClient::Sdk => {
                let transport = AwsSdk::new(&config, &server.url);
                Transport::inspect(&transport, &id).await
            }
        }
    };
    let named = |path: PathBuf| Roots::read(move |_| Some(path.clone().into()));
    for client in CLIENTS {
        // Other content of the file is ignored.
        let other = rcgen::generate_simple_self_signed(Vec::new())
            .unwrap()
            .cert
            .pem();
        std::fs::write(&bundle, format!("Ours:\n{}{other}", server.authority)).unwrap();
        ask(client, &named(bundle.clone())).await.unwrap();
        std::fs::write(&bundle, other).unwrap();
        for roots in [
            Roots::System,
            Roots::AmazonOrSystem,
            named(bundle.clone()),
            named("/no/such/file".into()),
        ] {
            let error = ask(client, &roots).await.unwrap_err();
            assert!(matches!(error, SendError::Unavailable(_)), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_host_that_speaks_no_tls_is_unavailable() {
    let server = Server::start(|_, _, _| ServerAction::HttpResponse(200, "{}")).await;
    nobody(&server.url.replace("http:", "https:")).await;
}
