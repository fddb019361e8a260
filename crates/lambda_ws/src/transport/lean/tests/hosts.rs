//! Hosts that are not there, not trusted, or somewhere else, for both lanes.

use super::lanes::{config, config_with};
use super::server::{Deed, Server};
use crate::ConnectionId;
use crate::error::SendError;
use crate::https::sdk_client;
use crate::tls::{Roots, Tls};
use crate::transport::{ApiGateway, Lane, Transport};
use std::path::PathBuf;

/// What both lanes say of a host that is not there.
async fn nobody(url: &str) {
    for lane in [Lane::Sdk, Lane::Lean] {
        let way = ApiGateway::through(lane, &config(), url);
        let error = way.inspect(&ConnectionId::from("a")).await.unwrap_err();
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
    // Only where there is IPv6 can it be tried.
    let Ok(server) = Server::start_at("[::1]:0", |_, _, _| Deed::HttpResponse(200, "{}")).await
    else {
        return;
    };
    for lane in [Lane::Sdk, Lane::Lean] {
        let way = ApiGateway::through(lane, &config(), server.url.clone());
        way.inspect(&ConnectionId::from("a")).await.unwrap();
    }
    let hosts = server.seen().into_iter();
    let hosts: Vec<_> = hosts
        .map(|seen| seen.header("host").unwrap().to_owned())
        .collect();
    assert_eq!(hosts[0], hosts[1]);
}

#[tokio::test]
async fn a_host_is_trusted_if_the_bundle_has_its_authority_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.pem");
    let server = Server::start_tls(|_, _, _| Deed::HttpResponse(200, "{}")).await;
    let ask = async |lane, roots: &Roots| {
        let tls = Tls::trusting(roots.clone());
        let config = config_with(sdk_client(tls.clone()));
        let way = ApiGateway::trusting(lane, &config, &server.url, tls);
        way.inspect(&ConnectionId::from("a")).await
    };
    let named = |path: PathBuf| Roots::read(move |_| Some(path.clone().into()));
    for lane in [Lane::Sdk, Lane::Lean] {
        // What is beside it in the file is left out.
        let other = rcgen::generate_simple_self_signed(Vec::new())
            .unwrap()
            .cert
            .pem();
        std::fs::write(&bundle, format!("Ours:\n{}{other}", server.authority)).unwrap();
        ask(lane, &named(bundle.clone())).await.unwrap();
        std::fs::write(&bundle, other).unwrap();
        for roots in [
            Roots::System,
            Roots::AmazonOrSystem,
            named(bundle.clone()),
            named("/no/such/file".into()),
        ] {
            let error = ask(lane, &roots).await.unwrap_err();
            assert!(matches!(error, SendError::Unavailable(_)), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_host_that_speaks_no_tls_is_unavailable() {
    let server = Server::start(|_, _, _| Deed::HttpResponse(200, "{}")).await;
    nobody(&server.url.replace("http:", "https:")).await;
}
