//! Tests against the signer of the AWS SDK.

mod properties;
mod rules;
mod verifier;

use super::*;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use http::{HeaderName, HeaderValue, Uri};

/// A request of a client.
#[derive(Debug, Clone)]
struct Sent {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Sent {
    fn request(&self) -> Request<'_> {
        let headers = self.headers.iter();
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: headers.map(|(n, v)| (n.as_str(), v.as_slice())).collect(),
            body: &self.body,
        }
    }

    fn is_signed(&self, signer: &Signer<'_>, now: Timestamp) -> bool {
        signer.verify(&self.request(), now).is_ok()
    }

    fn header(&mut self, name: &str) -> &mut Vec<u8> {
        let mut headers = self.headers.iter_mut();
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        &mut found.unwrap().1
    }
}

/// Returns a request that the SDK signed.
fn signed(signer: &Signer<'_>, sent: &Sent, settings: SigningSettings, now: Timestamp) -> Sent {
    let ours = signer.credentials;
    let identity = aws_credential_types::Credentials::new(
        ours.access_key_id.as_str(),
        ours.secret_access_key.as_str(),
        ours.session_token.clone(),
        None,
        "tests",
    );
    let identity = identity.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(signer.region)
        .name(signer.service)
        .time(now.into())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let uri = match sent.query.as_str() {
        "" => format!("http://localhost:3001{}", sent.path),
        query => format!("http://localhost:3001{}?{query}", sent.path),
    };
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let headers = sent.headers.iter().map(|(n, v)| (n.clone(), text(v)));
    let headers: Vec<_> = headers.collect();
    let headers = headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    let mut request = http::Request::new(());
    *request.uri_mut() = uri.parse::<Uri>().unwrap();
    for (name, value) in headers.clone() {
        let name: HeaderName = name.parse().unwrap();
        request
            .headers_mut()
            .append(name, HeaderValue::from_str(value).unwrap());
    }
    let body = SignableBody::Bytes(&sent.body);
    let signable = SignableRequest::new(&sent.method, uri.as_str(), headers, body).unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    let headers = request.headers().iter();
    Sent {
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: headers
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
        ..sent.clone()
    }
}

fn settings(location: SignatureLocation) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.signature_location = location;
    if location == SignatureLocation::QueryParams {
        settings.expires_in = Some(Duration::from_secs(900));
    }
    settings
}

const REGION: &str = "eu-west-1";

fn signer(credentials: &Credentials) -> Signer<'_> {
    Signer {
        credentials,
        region: REGION,
        service: "execute-api",
    }
}

const NOW: Timestamp = Timestamp::from_secs(1_701_245_041);

fn post() -> Sent {
    Sent {
        method: "POST".to_owned(),
        path: "/dev/@connections/PJqB0fHsqRcCHlw%3D".to_owned(),
        query: String::new(),
        headers: vec![("host".to_owned(), b"localhost:3001".to_vec())],
        body: b"hello".to_vec(),
    }
}
