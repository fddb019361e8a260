//! Signs handshakes for APIs with `AWS_IAM` authorization.

use clap::Args;
use http::header::HOST;
use http::{HeaderName, HeaderValue};
use lambda_ws_local::emulator::Failure;
use lambda_ws_protocol::Timestamp;
use lambda_ws_protocol::sigv4::{Credentials, Request, Signer};

#[derive(Debug, Args)]
pub(super) struct Sign {
    /// Sign the handshake, as AWS_IAM authorization of $connect requires
    #[arg(long)]
    sign: bool,
    /// The access key id
    #[arg(long, env = "AWS_ACCESS_KEY_ID", value_name = "ID")]
    access_key_id: Option<String>,
    /// The secret access key
    #[arg(
        long,
        env = "AWS_SECRET_ACCESS_KEY",
        value_name = "SECRET",
        hide_env_values = true
    )]
    secret_access_key: Option<String>,
    /// The session token of temporary credentials
    #[arg(
        long,
        env = "AWS_SESSION_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    session_token: Option<String>,
    /// The Region of the signature, unless the URL contains one
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    region: String,
}

impl Sign {
    pub(super) fn apply(&self, request: &mut http::Request<()>) -> Result<(), Failure> {
        if !self.sign {
            return Ok(());
        }
        // Like the SDKs, treats an empty variable as unset.
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let (Some(id), Some(secret)) = (given(&self.access_key_id), given(&self.secret_access_key))
        else {
            return Err(Failure::new(
                "no credentials to sign with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ));
        };
        let mut credentials = Credentials::new(id, secret);
        credentials.session_token = given(&self.session_token);
        let host = request.headers().get(HOST).cloned();
        let host = host.unwrap_or_else(|| HeaderValue::from_static(""));
        let name = request.uri().host().unwrap_or_default();
        let signer = Signer {
            credentials: &credentials,
            region: region(name).unwrap_or(&self.region),
            service: "execute-api",
        };
        let signed = Request {
            method: "GET",
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            headers: vec![("host", host.as_bytes())],
            body: b"",
        };
        let headers = signer.sign(&signed, Timestamp::now());
        let headers = headers.ok_or_else(|| {
            Failure::new("the credentials contain characters that are not valid in a header")
        })?;
        for (name, value) in headers {
            let value = HeaderValue::try_from(value).map_err(|error| {
                Failure::because("cannot add the signature to the request", error)
            })?;
            let name = HeaderName::try_from(name).map_err(|error| {
                Failure::because("cannot add the signature to the request", error)
            })?;
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }
}

/// Returns the Region in the host name of a deployed API: `abcd1234.execute-api.eu-west-1.amazonaws.com`.
fn region(host: &str) -> Option<&str> {
    let (_, rest) = host.split_once(".execute-api.")?;
    let (region, domain) = rest.split_once('.')?;
    let domains = ["amazonaws.com", "amazonaws.com.cn", "api.aws"];
    domains.contains(&domain).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(key: Option<&str>) -> Sign {
        Sign {
            sign: true,
            access_key_id: key.map(str::to_owned),
            secret_access_key: Some("secret".to_owned()),
            session_token: Some(String::new()),
            region: "eu-west-1".to_owned(),
        }
    }

    fn request() -> http::Request<()> {
        let request = http::Request::get("ws://localhost:3001/dev?user=ann");
        request.header(HOST, "localhost:3001").body(()).unwrap()
    }

    #[test]
    fn b9_a_handshake_is_signed_for_who_verifies_it() {
        let mut request = request();
        sign(Some("test")).apply(&mut request).ok().unwrap();
        let credentials = Credentials::new("test", "secret");
        let signer = Signer {
            credentials: &credentials,
            region: "eu-west-1",
            service: "execute-api",
        };
        let headers = request.headers().iter();
        let sent = Request {
            method: "GET",
            path: "/dev",
            query: "user=ann",
            headers: headers.map(|(n, v)| (n.as_str(), v.as_bytes())).collect(),
            body: b"",
        };
        assert_eq!(signer.verify(&sent, Timestamp::now()), Ok(()));
    }

    #[test]
    fn nothing_is_signed_without_credentials_or_unless_asked() {
        assert!(sign(None).apply(&mut request()).is_err());
        assert!(sign(Some("")).apply(&mut request()).is_err());
        let not_asked = Sign {
            sign: false,
            ..sign(None)
        };
        let mut request = request();
        not_asked.apply(&mut request).ok().unwrap();
        assert_eq!(request.headers().len(), 1);
    }

    #[test]
    fn a_deployed_api_names_its_region() {
        let deployed = "abcd1234.execute-api.eu-west-1.amazonaws.com";
        assert_eq!(region(deployed), Some("eu-west-1"));
        let china = "abcd1234.execute-api.cn-north-1.amazonaws.com.cn";
        assert_eq!(region(china), Some("cn-north-1"));
        for host in ["localhost", "api.example.com", "x.execute-api.example.com"] {
            assert_eq!(region(host), None);
        }
    }
}
