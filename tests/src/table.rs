//! The table of a benchmark: what was asked, what was measured, and by how much it falls short.

// Ratios of measured values are what floating point is for.
#![allow(clippy::float_arithmetic)]

use std::fmt;

use serde_json::{Value, json};

#[derive(Clone, Copy)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

pub struct Row {
    name: String,
    unit: &'static str,
    all: Vec<f64>,
    worst: bool,
    goal: Option<Goal>,
}

impl Row {
    pub fn new(name: impl Into<String>, unit: &'static str, all: &[f64]) -> Row {
        let mut all = all.to_vec();
        all.sort_by(f64::total_cmp);
        Row { name: name.into(), unit, all, worst: false, goal: None }
    }

    pub fn goal(mut self, goal: Goal) -> Row {
        self.goal = Some(goal);
        self
    }

    /// The largest counts, not the median: what memory must be there.
    pub fn worst(mut self) -> Row {
        self.worst = true;
        self
    }

    fn measured(&self) -> f64 {
        let at = if self.worst { self.all.len().saturating_sub(1) } else { self.all.len() / 2 };
        self.all.get(at).copied().unwrap_or(f64::NAN)
    }

    fn verdict(&self) -> String {
        let measured = self.measured();
        match self.goal {
            None => String::new(),
            Some(Goal::AtLeast(goal)) if measured >= goal => "met".into(),
            Some(Goal::AtMost(goal)) if measured <= goal => "met".into(),
            Some(Goal::AtLeast(goal)) => format!("short by {:.0} %", (1.0 - measured / goal) * 100.0),
            Some(Goal::AtMost(goal)) => format!("over by {:.0} %", (measured / goal - 1.0) * 100.0),
        }
    }
}

#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    pub fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    pub fn json(&self) -> Value {
        let rows = self.0.iter().map(|row| {
            let goal = row.goal.map(|goal| match goal {
                Goal::AtLeast(n) => json!({ "at_least": n }),
                Goal::AtMost(n) => json!({ "at_most": n }),
            });
            json!({
                "name": row.name, "unit": row.unit, "measured": row.measured(), "all": row.all, "target": goal,
                "verdict": row.verdict(),
            })
        });
        rows.collect()
    }
}

/// Four digits are as much as a measurement on a shared machine is worth.
fn short(n: f64) -> String {
    match n.abs() {
        size if size >= 100.0 => format!("{n:.0}"),
        size if size >= 10.0 => format!("{n:.1}"),
        _ => format!("{n:.2}"),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$}  {:>10}  {:>10}  {:11}  {:>19}  verdict",
            "what", "target", "measured", "unit", "lowest–highest"
        )?;
        for row in &self.0 {
            let goal = match row.goal {
                None => String::new(),
                Some(Goal::AtLeast(n)) => format!("≥ {}", short(n)),
                Some(Goal::AtMost(n)) => format!("≤ {}", short(n)),
            };
            let spread = match row.all[..] {
                [] | [_] => String::new(),
                [first, .., last] => format!("{}–{}", short(first), short(last)),
            };
            let measured = short(row.measured());
            let name = &row.name;
            writeln!(f, "{name:width$}  {goal:>10}  {measured:>10}  {:11}  {spread:>19}  {}", row.unit, row.verdict())?;
        }
        Ok(())
    }
}
