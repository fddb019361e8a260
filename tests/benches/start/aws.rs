//! The parts of DynamoDB, the management API and Lambda that a chat uses, over TLS.

use super::authority::Authority;
use super::http::{Request, answer};
use lambda_ws_local::dynamodb::DynamoDb;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const TABLE: &str = "connections";

/// Services of AWS on this machine, which respond at once.
#[derive(Debug)]
pub(super) struct Aws {
    address: SocketAddr,
    authority: Authority,
}

impl Aws {
    pub(super) async fn new() -> Result<Self, Box<dyn Error>> {
        let authority = Authority::new()?;
        let certificate = CertificateDer::from_pem_file(authority.certificate())?;
        let key = PrivateKeyDer::from_pem_file(authority.key())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let database = DynamoDb::memory()?;
        database
            .create_table(tests::Table::definition(TABLE), None)
            .await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, database) = (acceptor.clone(), database.clone());
                // Ends with the function.
                tokio::spawn(async move { serve(stream, acceptor, database).await.ok() });
            }
        });
        Ok(Self { address, authority })
    }

    /// Returns the variables of the function's environment for them.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let url = format!("https://{}", self.address);
        let bundle: &Path = &self.authority.root();
        vec![
            ("CONNECTIONS_TABLE", TABLE.to_owned()),
            ("AWS_CA_BUNDLE", bundle.display().to_string()),
            ("AWS_ENDPOINT_URL_DYNAMODB", url.clone()),
            ("AWS_ENDPOINT_URL_LAMBDA", url.clone()),
            (
                "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
                format!("{url}/dev"),
            ),
        ]
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    database: DynamoDb,
) -> Result<(), Box<dyn Error>> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    while let Some(request) = Request::read(&mut stream).await? {
        if let Some(target) = request.header("x-amz-target") {
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let (status, body) = database.call(&operation, request.body.into()).await;
            let headers = "Content-Type: application/x-amz-json-1.0\r\n";
            answer(&mut stream, &status.to_string(), headers, &body).await?;
        } else if request.line().contains("/invocations ") {
            answer(&mut stream, "202 Accepted", "", b"").await?;
        } else if request.line().starts_with("POST ") {
            answer(&mut stream, "200 OK", "", b"").await?;
        } else {
            // The connection that a start asks for has never existed.
            answer(&mut stream, "410 Gone", "", b"").await?;
        }
    }
    Ok(())
}
