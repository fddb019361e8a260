//! The prices of AWS.

use std::collections::BTreeMap;

/// The Region of [`PRICES`].
pub const REGION: &str = "us-east-1";

/// The month of [`PRICES`].
pub const AS_OF: &str = "November 2026";

/// A price of AWS, without free tiers.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Price {
    /// The name, as `--price` has it.
    pub name: &'static str,
    /// US dollars for one unit.
    pub dollars: f64,
    /// The unit.
    pub unit: &'static str,
}

/// All prices in dollars, in the order in which they are shown. The documentation is tested against them.
///
/// Each price is that of the first tier, without commitments. Sources:
///
/// - <https://aws.amazon.com/api-gateway/pricing/>: WebSocket APIs; the second price of messages begins at one billion a month
/// - <https://aws.amazon.com/lambda/pricing/>: requests and GB-seconds, the first tier of which has 7.5 billion GB-seconds on
///   arm64 and 6 billion on x86_64
/// - <https://aws.amazon.com/dynamodb/pricing/on-demand/>: the standard table class, with the prices since 1 November 2024
/// - <https://aws.amazon.com/cloudwatch/pricing/>: logs of Lambda in the standard log class, up to 10 TB a month (tiers since
///   1 May 2025), and their storage after compression
/// - <https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer>: data transfer to the Internet, up to 10 TB a month
///
/// Metrics in the embedded metric format are not counted: their number does not depend on the traffic. Each costs $0.30 a
/// month.
pub const PRICES: [Price; 12] = [
    price("api-messages", 1.0, "million messages of up to 32 KB"),
    price(
        "api-messages-above-1-billion",
        0.8,
        "million messages of up to 32 KB",
    ),
    price("api-minutes", 0.25, "million connection minutes"),
    price("lambda-requests", 0.2, "million events"),
    price("lambda-arm64", 0.000_013_333_4, "GB-second"),
    price("lambda-x86_64", 0.000_016_666_7, "GB-second"),
    price("dynamodb-writes", 0.625, "million write units of 1 KB"),
    price("dynamodb-reads", 0.125, "million read units of 4 KB"),
    price("dynamodb-storage", 0.25, "GB and month"),
    price("logs", 0.5, "GB"),
    price("logs-storage", 0.03, "GB and month, compressed"),
    price("transfer-out", 0.09, "GB"),
];

const fn price(name: &'static str, dollars: f64, unit: &'static str) -> Price {
    Price {
        name,
        dollars,
        unit,
    }
}

/// [`PRICES`], with other values for some of them.
#[derive(Debug, Clone, Default)]
pub struct Prices {
    changed: BTreeMap<&'static str, f64>,
}

/// The reason why a price cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// The name is unknown.
    #[error("unknown price `{0}`: expected one of {names}", names = names())]
    Unknown(String),
    /// A price is changed twice.
    #[error("the price `{0}` is given twice: remove one of them")]
    Twice(String),
    /// The value is not a price.
    #[error("the price `{0}` is not valid: expected a number of dollars from 0 to 1000000")]
    NotAPrice(String),
}

fn names() -> String {
    PRICES.map(|price| price.name).join(", ")
}

/// The highest price, so that no sum overflows.
const HIGHEST: f64 = 1e6;

impl Prices {
    /// Returns the prices with these changes.
    ///
    /// # Errors
    ///
    /// A name is unknown or given twice, or a value is negative, too large or not a number.
    pub fn changed<'a>(
        changes: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> Result<Self, PriceError> {
        let mut changed = BTreeMap::new();
        for (name, dollars) in changes {
            let price = PRICES.iter().find(|price| price.name == name);
            let price = price.ok_or_else(|| PriceError::Unknown(name.to_owned()))?;
            if !(0.0..=HIGHEST).contains(&dollars) {
                return Err(PriceError::NotAPrice(name.to_owned()));
            }
            if changed.insert(price.name, dollars).is_some() {
                return Err(PriceError::Twice(name.to_owned()));
            }
        }
        Ok(Self { changed })
    }

    /// Returns the dollars for one unit of the price with this name.
    ///
    /// # Panics
    ///
    /// [`PRICES`] does not contain the name.
    pub fn of(&self, name: &str) -> f64 {
        let price = PRICES.iter().find(|price| price.name == name);
        let price = price.unwrap_or_else(|| panic!("{name} is not in PRICES"));
        self.changed
            .get(price.name)
            .copied()
            .unwrap_or(price.dollars)
    }

    /// Returns whether a price is changed.
    pub fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }
}
