//! Values of which percentiles are made.

/// How many values of a metric one invocation writes. Who has more writes a fair sample of them.
const MOST: usize = 1000;

/// Some values, all of them or so many, each as likely as any other.
#[derive(Debug, Default)]
pub(super) struct Sample {
    values: Vec<f64>,
    seen: usize,
}

impl Sample {
    pub(super) fn note(&mut self, value: f64) {
        self.seen += 1;
        if self.values.len() < MOST {
            return self.values.push(value);
        }
        if let Some(kept) = self.values.get_mut(fastrand::usize(..self.seen)) {
            *kept = value;
        }
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_values_a_fair_sample_is_kept() {
        let mut sample = Sample::default();
        (0..100_000).for_each(|value| sample.note(f64::from(value)));
        assert_eq!(sample.values().len(), MOST);
        let mean = sample.values().iter().sum::<f64>() / MOST as f64;
        // Ten times the standard error of such a sample.
        assert!((40_900.0..59_100.0).contains(&mean), "{mean}");
    }
}
