//! Conformance A1: `wss://`, and the plain management API beside it.

use crate::gateway::testing::{HANDSHAKE, Setup, echo, ok};
use crate::gateway::{Tls, TlsError};
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;

fn tls() -> (Tls, TlsConnector) {
    tls_of(rustls::DEFAULT_VERSIONS)
}

/// A server, and a client that accepts only these versions.
fn tls_of(versions: &[&'static SupportedProtocolVersion]) -> (Tls, TlsConnector) {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let (tls, authority) = Tls::self_signed(names).unwrap();
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority.as_bytes()).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (tls, TlsConnector::from(Arc::new(config)))
}

fn setup(tls: Tls) -> Setup {
    let setup = Setup::new().route("$connect", ok).route("$disconnect", ok);
    let setup = setup.two_way("$default", echo);
    setup.options(|options| options.tls = Some(tls))
}

#[tokio::test]
async fn a1_websockets_speak_tls_and_the_function_is_told() {
    let (tls, connector) = tls();
    let local = setup(tls).start().await;
    let url = local.gateway.url(local.address);
    assert!(url.starts_with("wss://127.0.0.1:"), "{url}");
    for name in ["localhost", "127.0.0.1", "::1"] {
        let name = ServerName::try_from(name).unwrap();
        let stream = connector.connect(name, local.raw().await).await.unwrap();
        let url = "wss://localhost/dev";
        let connected = tokio_tungstenite::client_async(url, stream).await;
        let (mut socket, _) = connected.unwrap();
        let event = local.expect("CONNECT").await;
        assert_eq!(event["headers"]["X-Forwarded-Proto"], "https");
        let port = local.address.port().to_string();
        assert_eq!(event["headers"]["X-Forwarded-Port"], port);
        for text in ["small".to_owned(), "x".repeat(32_768)] {
            socket.send(Message::text(text.clone())).await.unwrap();
            let heard = socket.next().await.unwrap().unwrap();
            assert_eq!(heard, Message::text(text));
            local.expect("MESSAGE").await;
        }
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
        assert_eq!(local.disconnected().await.0, 1005);
    }
}

#[tokio::test]
async fn a1_tls_1_2_and_tls_1_3_are_accepted() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (tls, connector) = tls_of(&[version]);
        let local = setup(tls).start().await;
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, local.raw().await).await.unwrap();
        let used = stream.get_ref().1.protocol_version();
        assert_eq!(used, Some(version.version));
        let connected = tokio_tungstenite::client_async("wss://localhost/dev", stream).await;
        assert!(connected.is_ok(), "{:?}", connected.err());
    }
}

#[tokio::test]
async fn a5_the_management_api_speaks_tls_and_beside_it_plain_http() {
    let (tls, connector) = tls();
    let local = setup(tls).start().await;
    let beside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = beside.local_addr().unwrap();
    let url = local.gateway.plain_management_url(address);
    assert_eq!(url, format!("http://{address}/dev"));
    let url = local.gateway.management_url(local.address);
    assert!(url.starts_with("https://"), "{url}");
    let serving = tokio::spawn({
        let gateway = local.gateway.clone();
        async move { gateway.serve_management(beside).await }
    });

    let name = || ServerName::try_from("localhost").unwrap();
    let stream = connector.connect(name(), local.raw().await).await.unwrap();
    let connected = tokio_tungstenite::client_async("wss://localhost/dev", stream).await;
    let (mut socket, _) = connected.unwrap();
    let id = local.id().await;
    let post = format!(
        "POST /dev/@connections/{id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\
         Connection: close\r\n\r\nhello"
    );
    let mut secure = connector.connect(name(), local.raw().await).await.unwrap();
    secure.write_all(post.as_bytes()).await.unwrap();
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(post.as_bytes()).await.unwrap();
    let (mut answers, mut answer) = (Vec::new(), Vec::new());
    secure.read_to_end(&mut answers).await.unwrap();
    plain.read_to_end(&mut answer).await.unwrap();
    for answer in [answers, answer] {
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
        let heard = socket.next().await.unwrap().unwrap();
        assert_eq!(heard, Message::text("hello"));
    }
    // No websockets there.
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(HANDSHAKE).await.unwrap();
    let mut answer = [0; 12];
    plain.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 426");
    drop(plain);
    drop(socket);
    local.shut_down().await;
    serving.await.unwrap();
}

#[tokio::test]
async fn who_speaks_no_tls_gets_nothing_and_holds_nothing() {
    let (tls, _) = tls();
    let local = setup(tls).start().await;
    let mut stream = local.raw().await;
    stream.write_all(HANDSHAKE).await.unwrap();
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard).await;
    assert!(!heard.starts_with(b"HTTP"), "{heard:?}");
    local.silent().await;
}

#[test]
fn a_certificate_of_one_s_own_is_checked() {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let (certificate, key) = (certificate.as_bytes(), key.serialize_pem());
    assert!(Tls::new(certificate, key.as_bytes()).is_ok());
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let pair = Tls::new(certificate, other.as_bytes());
    assert!(matches!(pair, Err(TlsError::Pair(_))));
    let swapped = Tls::new(key.as_bytes(), certificate);
    assert!(matches!(swapped, Err(TlsError::NoCertificate)));
    let no_key = Tls::new(certificate, b"no");
    assert!(matches!(no_key, Err(TlsError::Key(_))));
    let (tls, _) = Tls::self_signed(["localhost".to_owned()]).unwrap();
    assert_eq!(format!("{tls:?}"), "Tls");
}
