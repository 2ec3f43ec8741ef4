//! The measurements of one state of the database as a table: operations by sizes.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use super::calls::Series;
use crate::load::millis;

/// What was measured, size by size, always at the same moment after filling.
pub(super) struct Report {
    /// What the moment is called.
    pub(super) moment: &'static str,
    sizes: Vec<(usize, Vec<Series>)>,
}

impl Report {
    pub(super) const fn new(moment: &'static str) -> Self {
        Self { moment, sizes: Vec::new() }
    }

    /// Adds the measurements at a size.
    pub(super) fn add(&mut self, size: usize, measured: Vec<Series>) {
        self.sizes.push((size, measured));
    }

    /// Prints it, if anything was measured.
    pub(super) fn print(&self, as_json: bool) {
        if self.sizes.is_empty() {
            return;
        }
        if as_json { println!("{}", self.value()) } else { println!("\n{}\n{}", self.moment, self.table()) }
    }

    /// Returns each operation with its times, size by size.
    fn operations(&self) -> impl Iterator<Item = (&'static str, Vec<&Series>)> {
        let first = self.sizes.first().map(|(_, measured)| measured.as_slice()).unwrap_or_default();
        first.iter().enumerate().map(|(index, series)| {
            (series.operation, self.sizes.iter().filter_map(|(_, measured)| measured.get(index)).collect())
        })
    }

    fn value(&self) -> Value {
        let operations = self.operations().map(|(operation, series)| {
            let at = |quantile| series.iter().map(|series| millis(&series.micros, quantile)).collect::<Vec<_>>();
            let calls: Vec<_> = series.iter().map(|series| series.micros.len()).collect();
            json!({"operation": operation, "p50_ms": at(0.5), "p99_ms": at(0.99), "calls": calls, "last_to_first": ratio(&series)})
        });
        let sizes: Vec<_> = self.sizes.iter().map(|(size, _)| size).collect();
        json!({"moment": self.moment, "past_sessions": sizes, "operations": operations.collect::<Vec<_>>()})
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        let sizes = self.sizes.iter().map(|(size, _)| format!("{size} sessions"));
        let header = std::iter::once("p50 / p99 in ms".to_owned()).chain(sizes).chain(["last / first".to_owned()]);
        table.load_style(presets::NOTHING).set_header(header);
        for (operation, series) in self.operations() {
            let times =
                series.iter().map(|series| format!("{:.2} / {:.2}", millis(&series.micros, 0.5), millis(&series.micros, 0.99)));
            let row = std::iter::once(operation.to_owned()).chain(times).chain([format!("{:.1}", ratio(&series))]);
            table.add_row(row);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.trim_fmt()
    }
}

/// Compares the medians of the last size and the first.
fn ratio(series: &[&Series]) -> f64 {
    let median = |series: Option<&&Series>| series.map_or(f64::NAN, |series| millis(&series.micros, 0.5));
    median(series.last()) / median(series.first())
}
