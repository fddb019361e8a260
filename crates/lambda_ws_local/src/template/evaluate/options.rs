use std::collections::BTreeMap;

/// The values of a template that come from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `--parameter-overrides`: values of the template's parameters, which replace their defaults.
    pub parameters: BTreeMap<String, String>,
    /// The stage's name, which replaces the template's `StageName`. It selects the stage if an API has several.
    pub stage: Option<String>,
    /// The value of `AWS::Region`.
    pub region: String,
    /// The value of `AWS::AccountId`: 12 digits.
    pub account: String,
}

/// No overrides, region us-east-1, account 000000000000.
impl Default for Options {
    fn default() -> Self {
        Self {
            parameters: BTreeMap::new(),
            stage: None,
            region: "us-east-1".into(),
            account: "000000000000".into(),
        }
    }
}

impl Options {
    /// Returns the ARN of a resource in the region and the account.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        let (region, account) = (&self.region, &self.account);
        format!("arn:aws:{service}:{region}:{account}:{resource}")
    }
}
