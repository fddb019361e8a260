//! The output of an estimate.

use super::super::output::Style;
use lambda_ws_local::cost::{AS_OF, Estimate, PRICES, Prices, Saving, Workload};
use serde_json::{Map, Value, json};

/// The number of savings in the text.
const SAVINGS: usize = 3;

/// An estimate, and everything that belongs to it.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) region: &'a str,
    pub(super) workload: &'a Workload,
    pub(super) prices: &'a Prices,
    pub(super) estimate: Estimate,
    pub(super) savings: Vec<Saving>,
    pub(super) notes: Vec<String>,
}

impl Report<'_> {
    /// Returns the table for a terminal.
    pub(super) fn text(&self, style: Style) -> String {
        let changed = match self.prices.is_changed() {
            true => ", some changed by --price",
            false => "",
        };
        let mut lines = vec![
            format!(
                "a month in {}, prices of {AS_OF}{changed}, without free tiers",
                self.region
            ),
            self.workload_text(),
            String::new(),
            style.strong(&row("service", "unit", "amount", "dollars")),
        ];
        let mut service = "";
        for line in &self.estimate.lines {
            let name = if line.service == service {
                ""
            } else {
                line.service
            };
            service = line.service;
            let (amount, dollars) = (amount(line.amount), dollars(line.dollars));
            lines.push(row(name, line.unit, &amount, &dollars));
        }
        let total = dollars(self.estimate.total());
        lines.push(style.strong(&row("total", "", "", &total)));
        lines.push(String::new());
        lines.push(match self.savings.first() {
            Some(best) => format!("most effective saving: {}", style.good(&saving(best))),
            None => "no saving is known".to_owned(),
        });
        let others = self.savings.iter().skip(1).take(SAVINGS - 1);
        lines.extend(others.map(|other| format!("another saving: {}", saving(other))));
        let notes = self.notes.iter();
        lines.extend(notes.map(|note| format!("{} {note}", style.faint("note:"))));
        lines.join("\n")
    }

    fn workload_text(&self) -> String {
        let w = self.workload;
        let echo = if w.echo { "with" } else { "without" };
        let history = if w.history { ", with history" } else { "" };
        let pushes = match w.pushes > 0.0 {
            true => format!("; {} from a backend per room and minute", amount(w.pushes)),
            false => String::new(),
        };
        format!(
            "{} clients, {} h on each of {} days, {} min per connection\n\
             {} messages of {} bytes per client and minute, {} % of them broadcast to rooms of {} {echo} echo{history}{pushes}\n\
             {} MB on {}, {} ms per event",
            amount(w.connections),
            amount(w.hours),
            amount(w.days),
            amount(w.session),
            amount(w.messages),
            amount(w.bytes),
            amount(w.broadcasts * 100.0),
            amount(w.room),
            amount(w.memory),
            w.architecture,
            amount(w.duration),
        )
    }

    /// Returns everything as JSON.
    pub(super) fn json(&self) -> Value {
        let w = self.workload;
        let line = |line: &lambda_ws_local::cost::Line| json!({"service": line.service, "unit": line.unit, "amount": line.amount, "dollars": line.dollars});
        let saving = |saving: &Saving| json!({"change": saving.change, "dollars": saving.dollars});
        let prices = PRICES.map(|price| (price.name.to_owned(), self.prices.of(price.name).into()));
        json!({
            "region": self.region,
            "prices_of": AS_OF,
            "workload": {
                "connections": w.connections, "hours": w.hours, "days": w.days, "session": w.session,
                "messages": w.messages, "broadcasts": w.broadcasts, "pushes": w.pushes, "room": w.room,
                "echo": w.echo, "bytes": w.bytes, "history": w.history, "memory": w.memory,
                "ms": w.duration, "architecture": w.architecture.to_string(), "reads": w.reads,
                "writes": w.writes, "log_bytes": w.log_bytes, "log_days": w.log_days,
            },
            "lines": self.estimate.lines.iter().map(line).collect::<Vec<_>>(),
            "total": self.estimate.total(),
            "savings": self.savings.iter().map(saving).collect::<Vec<_>>(),
            "prices": prices.into_iter().collect::<Map<String, Value>>(),
            "notes": self.notes,
        })
    }
}

fn row(service: &str, unit: &str, amount: &str, dollars: &str) -> String {
    let row = format!("{service:<15}{unit:<34}{amount:>20}{dollars:>16}");
    row.trim_end().to_owned()
}

fn saving(saving: &Saving) -> String {
    format!("{}: ${}", saving.change, dollars(saving.dollars))
}

/// Returns an amount with groups of three digits. Small amounts have three significant digits.
pub(super) fn amount(value: f64) -> String {
    if value >= 1000.0 {
        return grouped(&format!("{value:.0}"));
    }
    let decimals = match value {
        100.0.. => 1,
        10.0.. => 2,
        1.0.. => 3,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns dollars with cents. A positive amount is never shown as zero.
pub(super) fn dollars(value: f64) -> String {
    if value > 0.0 && value < 0.005 {
        return "<0.01".to_owned();
    }
    let text = format!("{value:.2}");
    let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
    format!("{}.{cents}", grouped(whole))
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
