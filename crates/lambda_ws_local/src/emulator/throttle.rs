//! Rate limits on the command line.

use crate::gateway::{Rate, RateLimits};
use crate::template::Throttling;
use std::str::FromStr;

/// The account's limits. The defaults are those of AWS (conformance H).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct AccountLimits {
    account: Rate,
    connections: Rate,
}

impl AccountLimits {
    pub(super) fn with(self, stage: &Throttling) -> RateLimits {
        RateLimits {
            account: Some(self.account),
            connections: Some(self.connections),
            default_route: stage.default_route,
            routes: stage.routes.clone().into_iter().collect(),
        }
    }
}

impl FromStr for AccountLimits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut limits = Self {
            account: Rate::ACCOUNT,
            connections: Rate::CONNECTIONS,
        };
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let expected = || {
                format!(
                    "`{part}` is not a valid limit: expected rate=N, burst=N or connections=N, separated by commas"
                )
            };
            let (name, value) = part.split_once('=').ok_or_else(expected)?;
            let number = value.trim().parse::<f64>().ok();
            let number = number.filter(|number| number.is_finite() && *number >= 0.0);
            let number = number.ok_or_else(expected)?;
            match name.trim() {
                "rate" => limits.account.per_second = number,
                "burst" => limits.account.burst = number,
                "connections" => limits.connections = Rate::new(number, number),
                _ => return Err(expected()),
            }
        }
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_an_account_unless_they_are_said() {
        let read = |text: &str| text.parse::<AccountLimits>().unwrap();
        let stage = Throttling::default();
        assert_eq!(read("").with(&stage), RateLimits::account());
        let some = read("burst=5, connections=2");
        assert_eq!(some.account, Rate::new(10_000.0, 5.0));
        assert_eq!(some.connections, Rate::new(2.0, 2.0));
        assert_eq!(read("rate=0.5").account, Rate::new(0.5, 5_000.0));
    }

    #[test]
    fn the_template_s_limits_are_kept() {
        let mut stage = Throttling::default();
        stage.routes.insert("say".to_owned(), Rate::new(1.0, 2.0));
        let limits = "".parse::<AccountLimits>().unwrap().with(&stage);
        assert_eq!(limits.routes["say"], Rate::new(1.0, 2.0));
    }

    #[test]
    fn what_is_no_limit_names_those_there_are() {
        for text in ["rate", "rate=x", "rate=-1", "rate=inf", "speed=1"] {
            let error = text.parse::<AccountLimits>().unwrap_err();
            assert!(error.contains("rate=N, burst=N or connections=N"), "{text}");
        }
    }
}
