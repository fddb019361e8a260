//! Measured figures and their goals.

use std::fmt;

/// The subject of a sample, which is the title of a column.
pub type Who = &'static str;

/// The goal of a figure: a value that it must reach, and a better one.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// Larger is better.
    #[allow(missing_docs)]
    AtLeast { must: f64, stretch: f64 },
    /// Smaller is better.
    #[allow(missing_docs)]
    AtMost { must: f64, stretch: f64 },
}

impl Goal {
    fn verdict(self, value: f64) -> Verdict {
        let (must, stretch) = match self {
            Self::AtLeast { must, stretch } => (value >= must, value >= stretch),
            Self::AtMost { must, stretch } => (value <= must, value <= stretch),
        };
        match (must, stretch) {
            (true, true) => Verdict::Stretch,
            (true, false) => Verdict::Must,
            (false, _) => Verdict::Missed,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, must, stretch) = match self {
            Self::AtLeast { must, stretch } => (">=", must, stretch),
            Self::AtMost { must, stretch } => ("<=", must, stretch),
        };
        f.pad(&format!("{sign} {must}/{stretch}"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Missed,
    Must,
    Stretch,
}

/// One row: the samples of each subject, one per round.
#[derive(Debug)]
struct Figure {
    name: String,
    samples: Vec<(Who, f64)>,
    goal: Option<Goal>,
    /// Whether it compares the figures of two subjects.
    compares: bool,
}

impl Figure {
    fn of(&self, who: Who) -> Vec<f64> {
        let own = self.samples.iter().filter(|(other, _)| *other == who);
        own.map(|(_, value)| *value).collect()
    }

    fn median(&self, who: Who) -> Option<f64> {
        median(self.of(who))
    }

    fn verdict(&self, who: Who) -> Option<Verdict> {
        Some(self.goal?.verdict(self.median(who)?))
    }
}

/// Returns the median of the samples.
pub fn median(mut samples: Vec<f64>) -> Option<f64> {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}

/// The figures of one section of a benchmark.
#[derive(Debug)]
pub struct Table {
    title: String,
    /// The subject whose figures have goals.
    own: Who,
    others: &'static [Who],
    figures: Vec<Figure>,
}

impl Table {
    /// Returns a table of `own` figures, with those of others beside them.
    pub fn new(title: impl fmt::Display, own: Who, others: &'static [Who]) -> Self {
        Self {
            title: title.to_string(),
            own,
            others,
            figures: Vec::new(),
        }
    }

    /// Adds a sample.
    pub fn add(&mut self, name: &str, who: Who, value: f64) {
        self.figure(name).samples.push((who, value));
    }

    /// Sets the goal of a figure.
    pub fn goal(&mut self, name: &str, goal: Goal) {
        self.figure(name).goal = Some(goal);
    }

    /// Adds a figure that compares the two samples of each round with `of`.
    pub fn compare(
        &mut self,
        name: &str,
        other: Who,
        (title, of): (&str, impl Fn(f64, f64) -> f64),
        goal: Goal,
    ) {
        let own = self.own;
        let figure = self.figure(name);
        let pairs = figure.of(own).into_iter().zip(figure.of(other));
        let samples = pairs.map(|(ours, theirs)| (own, of(ours, theirs)));
        let samples: Vec<_> = samples.collect();
        if samples.is_empty() {
            return;
        }
        self.figures.push(Figure {
            name: format!("{name}: {title}"),
            samples,
            goal: Some(goal),
            compares: true,
        });
    }

    /// Returns the table in Markdown: the medians, and how many times each figure of another is our own.
    pub fn markdown(&self) -> String {
        let others = self.others.iter().copied();
        let others: Vec<_> = others
            .filter(|who| self.figures.iter().any(|one| one.median(who).is_some()))
            .collect();
        let mut text = format!("| | {} |", self.own);
        others.iter().for_each(|who| text += &format!(" {who} |"));
        text += &format!("\n|---|---|{}\n", "---|".repeat(others.len()));
        // A figure that compares two subjects is a ratio already.
        let own = self.figures.iter().filter(|one| !one.compares);
        for figure in own {
            let ours = figure.median(self.own);
            text += &format!("| {} | {} |", figure.name, number(ours));
            for who in &others {
                let theirs = figure.median(who);
                let ratio = ours.zip(theirs).filter(|(ours, _)| *ours > 0.0);
                let ratio = ratio.map(|(ours, theirs)| theirs / ours);
                let ratio = ratio.map(|ratio| format!(" ({}x)", number(Some(ratio))));
                text += &format!(" {}{} |", number(theirs), ratio.unwrap_or_default());
            }
            text.push('\n');
        }
        text
    }

    /// Returns the title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns whether a figure misses its must.
    pub fn is_missed(&self) -> bool {
        let mut figures = self.figures.iter();
        figures.any(|figure| figure.verdict(self.own) == Some(Verdict::Missed))
    }

    fn figure(&mut self, name: &str) -> &mut Figure {
        let found = self.figures.iter().position(|figure| figure.name == name);
        let index = found.unwrap_or_else(|| {
            self.figures.push(Figure {
                name: name.to_owned(),
                samples: Vec::new(),
                goal: None,
                compares: false,
            });
            self.figures.len() - 1
        });
        &mut self.figures[index]
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.title)?;
        write!(
            f,
            "{:<58}{:>10}{:>10}  {:<14}{:<9}",
            "", "median", "smallest", "must/stretch", ""
        )?;
        for who in self.others {
            write!(f, "{who:>20}")?;
        }
        writeln!(f)?;
        for figure in &self.figures {
            let own = figure.of(self.own);
            let smallest = own.iter().copied().min_by(f64::total_cmp);
            write!(f, "{:<58}", figure.name)?;
            write!(f, "{:>10}{:>10}  ", number(median(own)), number(smallest))?;
            let goal = figure.goal.map(|goal| goal.to_string());
            write!(f, "{:<14}", goal.unwrap_or_default())?;
            write!(
                f,
                "{:<9}",
                match figure.verdict(self.own) {
                    Some(Verdict::Missed) => "MISSED",
                    Some(Verdict::Must) => "must",
                    Some(Verdict::Stretch) => "stretch",
                    None => "",
                }
            )?;
            for who in self.others {
                write!(f, "{:>20}", number(figure.median(who)))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn number(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value >= 1000.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}
