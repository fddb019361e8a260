//! Line plots as SVG.

use std::fmt::Write;
use std::io;
use std::path::Path;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;

/// The most points of a line. More cannot be seen, and make the file large.
const POINTS: usize = 160;

/// Colours that can be read on white and on black, also by people who see red and green alike.
const COLOURS: [&str; 4] = ["#2f7ed8", "#e07b00", "#7a5cc0", "#2a9d6f"];

/// A plot of values over seconds.
#[derive(Debug)]
pub(super) struct Plot {
    /// The name of the file, without its extension.
    pub(super) name: &'static str,
    pub(super) title: String,
    /// The unit of the vertical axis.
    pub(super) unit: &'static str,
    /// The lines: a name, and a value for each second.
    pub(super) lines: Vec<(String, Vec<f64>)>,
}

impl Plot {
    /// Writes plots as files.
    pub(super) fn write(plots: &[Self], folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        for plot in plots {
            std::fs::write(folder.join(format!("{}.svg", plot.name)), plot.svg())?;
        }
        Ok(())
    }

    /// Returns the plot without empty lines, so that it can stand in Markdown.
    fn svg(&self) -> String {
        let seconds = self.lines.iter().map(|(_, line)| line.len()).max();
        let seconds = seconds.unwrap_or_default().max(2);
        let values = self.lines.iter().flat_map(|(_, line)| line);
        let top = round_up(values.copied().fold(1.0, f64::max));
        let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        let x = |second: f64| LEFT + width * second / (seconds - 1) as f64;
        let y = |value: f64| TOP + height * (1.0 - value / top);
        let mut svg = format!(
            "<svg class=\"million\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"100%\" role=\"img\" \
             aria-label=\"{}\" font-family=\"sans-serif\" font-size=\"11\">\n\
             <style>.million text{{fill:#555}}.million .grid{{stroke:#8884}}\
             @media (prefers-color-scheme:dark){{.million text{{fill:#bbb}}}}</style>\n\
             <text x=\"{LEFT}\" y=\"14\" font-size=\"13\">{}</text>\n",
            self.title, self.title,
        );
        for part in 0..=4 {
            let value = top * f64::from(part) / 4.0;
            let at = y(value);
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                at + 4.0,
                number(value),
            );
            let second = (seconds - 1) as f64 * f64::from(part) / 4.0;
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x(second),
                HEIGHT - BOTTOM + 16.0,
                number(second.round()),
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">s</text><text x=\"6\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT,
            HEIGHT - 8.0,
            TOP - 6.0,
            self.unit,
        );
        for (number, (name, line)) in self.lines.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let each = line.len().div_ceil(POINTS).max(1);
            let mut points = String::new();
            for (part, values) in line.chunks(each).enumerate() {
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let middle = (part * each) as f64 + (values.len() - 1) as f64 / 2.0;
                let _ = write!(points, "{:.1},{:.1} ", x(middle), y(mean));
            }
            let at = LEFT + 140.0 * number as f64;
            let _ = writeln!(
                svg,
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" points=\"{}\"/>\
                 <path stroke=\"{colour}\" stroke-width=\"3\" d=\"M{at:.1} {:.1}h14\"/><text x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
                points.trim_end(),
                HEIGHT - 12.0,
                at + 19.0,
                HEIGHT - 8.0,
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Returns the next of 1, 2, 2.5, 5 and 10 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(value)
}

fn number(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{} M", value / 1e6),
        value if value >= 1e4 => format!("{} k", value / 1e3),
        value => format!("{value}"),
    }
}
