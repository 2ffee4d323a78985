//! A line of JSON as a record: an object with fields by name, and a table as a list of objects.

use std::{collections::HashSet, fmt};

use huiliu_proto::{kind::Field, lang::Label, record::Refusal, rule::Rule, value::Value};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    LineProblem,
    cells::{Cells, Given, field_named},
};

/// A value of JSON, one level of it: what it holds is read where it is asked for, so that nothing nests without end.
enum Node<'t> {
    Null,
    /// A number as its digits stand there: none is rounded.
    Text(String),
    List(Vec<&'t RawValue>),
    Object(Members<'t>),
}

/// All that an object says, also where it says one name twice.
type Members<'t> = Vec<(String, &'t RawValue)>;

/// What reads them.
struct Object<'t>(Members<'t>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Object<'de>, D::Error> {
        from.deserialize_map(EachMember)
    }
}

struct EachMember;

impl<'de> Visitor<'de> for EachMember {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut members = vec![];
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Object(members))
    }
}

impl<'t> Node<'t> {
    fn read(text: &'t str) -> serde_json::Result<Node<'t>> {
        Ok(match text.bytes().next() {
            Some(b'n') => Node::Null,
            Some(b't') => Node::Text("yes".to_owned()),
            Some(b'f') => Node::Text("no".to_owned()),
            Some(b'"') => Node::Text(serde_json::from_str(text)?),
            Some(b'[') => Node::List(serde_json::from_str(text)?),
            Some(b'{') => Node::Object(serde_json::from_str::<Object<'_>>(text)?.0),
            _ => Node::Text(written_out(text)),
        })
    }
}

/// A number without a power of ten, as a person writes it; one that would be long stays as it is.
fn written_out(number: &str) -> String {
    const LONGEST: i32 = 30;
    let split = number.split_once(['e', 'E']).and_then(|(digits, power)| Some((digits, power.parse::<i32>().ok()?)));
    let Some((digits, power)) = split.filter(|(_, power)| power.abs() <= LONGEST) else { return number.to_owned() };
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    // So many places the point moves to the left, or to the right.
    let (left, right) = (power.min(0).unsigned_abs() as usize, power.max(0).unsigned_abs() as usize);
    let whole = format!("{}{whole}", "0".repeat(left + 1));
    let part = format!("{part}{}", "0".repeat(right.saturating_sub(part.len())));
    let digits = format!("{whole}{part}");
    let (whole, part) = digits.split_at(whole.len() + right - left);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

fn node(raw: &RawValue) -> Result<Node<'_>, LineProblem> {
    Node::read(raw.get()).map_err(|_| LineProblem::Unreadable)
}

/// What a line says of these fields.
pub(super) fn read(fields: &[Field], text: &str) -> Result<Cells, LineProblem> {
    let Ok(Object(members)) = serde_json::from_str(text) else { return Err(LineProblem::Unreadable) };
    let mut cells = vec![];
    for (at, raw) in placed(fields, members)? {
        let field = &fields[at];
        let given = match node(raw)? {
            node if field.lines().is_empty() => typed(field, node)?.map(Given::Text),
            Node::Null => None,
            Node::List(lines) if lines.is_empty() => None,
            Node::List(lines) => {
                field.check_length(lines.len()).map_err(LineProblem::Field)?;
                let lines = lines.into_iter().enumerate().map(|(i, line)| row(field, i, line));
                Some(Given::Lines(lines.collect::<Result<_, _>>()?))
            }
            Node::Text(_) | Node::Object(_) => return Err(LineProblem::Field(no_list(field))),
        };
        cells.extend(given.map(|given| (at, given)));
    }
    Ok(cells)
}

fn no_list(table: &Field) -> Refusal {
    let rule = Rule::new("not_a_table", "不是明细", "not a table");
    let remedy = Label::new("请写成列表，每行一个对象", "write it as a list, with an object for each line");
    table.refuse(&Value::Text(String::new()), rule, remedy)
}

/// Of a line of a table, counted from nought.
fn no_object(table: &Field, line: usize) -> Refusal {
    let rule = Rule::new("not_an_object", "不是一行明细", "not a line of the table");
    let remedy = Label::new("请把每行写成一个对象", "write each line as an object");
    let mut refusal = table.refuse(&Value::Text(String::new()), rule, remedy);
    let n = line + 1;
    *refusal.field = Label::new(format!("{}第{n}行", table.label.zh), format!("{}, line {n}", table.label.en));
    refusal.field_name = format!("{}.{n}", table.name);
    refusal
}

/// One line of a table.
fn row(table: &Field, i: usize, line: &RawValue) -> Result<Vec<(usize, String)>, LineProblem> {
    let Node::Object(members) = node(line)? else { return Err(LineProblem::Field(no_object(table, i))) };
    let columns = table.lines();
    let mut cells = vec![];
    for (at, raw) in placed(columns, members).map_err(|what| what.in_line(table, i))? {
        let text = typed(&columns[at], node(raw)?).map_err(|what| what.in_line(table, i))?;
        cells.extend(text.map(|text| (at, text)));
    }
    Ok(cells)
}

/// The members by the places of their fields, each once.
fn placed<'t>(fields: &[Field], members: Members<'t>) -> Result<Vec<(usize, &'t RawValue)>, LineProblem> {
    let (mut placed, mut named) = (vec![], HashSet::new());
    for (name, raw) in members {
        let at = field_named(fields, &name)?;
        if !named.insert(at) {
            return Err(LineProblem::Twice(name));
        }
        placed.push((at, raw));
    }
    Ok(placed)
}

/// A value as it would be typed; nothing where it says nothing.
fn typed(field: &Field, node: Node<'_>) -> Result<Option<String>, LineProblem> {
    let nested = || {
        let rule = Rule::new("not_single", "不是单个值", "not a single value");
        let remedy = Label::new("请写成文字或数字", "write a text or a number");
        LineProblem::Field(field.refuse(&Value::Text(String::new()), rule, remedy))
    };
    let text = match node {
        Node::Null => return Ok(None),
        Node::Text(text) => text,
        // Several choices.
        Node::List(choices) => {
            let choice = |choice| match self::node(choice)? {
                Node::Text(text) => Ok(text),
                _ => Err(nested()),
            };
            choices.into_iter().map(choice).collect::<Result<Vec<_>, _>>()?.join("、")
        }
        Node::Object(_) => return Err(nested()),
    };
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use huiliu_proto::{
        handle::Declared as _,
        lang::Lang,
        records::{budget, budget_line},
        v1::Budget,
    };

    use super::*;

    fn parsed(text: &str) -> Result<Cells, LineProblem> {
        read(&Budget::kind().fields, text)
    }

    #[test]
    fn a_table_is_a_list_of_objects() {
        let (lines, amount) = (budget::LINES.position(), budget_line::AMOUNT.position());
        let text = r#"{"year": 2026, "lines": [{"amount": 12.5}, {"金额": "3,000", "category": null}], "doc_no": " "}"#;
        let table = ["12.5", "3,000"].map(|text| vec![(amount, text.to_owned())]).to_vec();
        let year = (budget::YEAR.position(), Given::Text("2026".into()));
        assert_eq!(parsed(text), Ok(vec![year, (lines, Given::Lines(table))]));
        for nothing in [r#"{"lines": null}"#, r#"{"lines": []}"#, "{}"] {
            assert_eq!(parsed(nothing), Ok(vec![]), "{nothing}");
        }
    }

    /// A voucher's number may have more digits than a machine counts with, and noughts that it drops.
    #[test]
    fn a_number_keeps_its_digits() {
        let amount = budget_line::AMOUNT.position();
        for digits in ["62284804025648900180", "9007199254740993", "0.10", "1e400", "-0", "12345678901234567890.05"] {
            let text = format!(r#"{{"doc_no": {digits}, "lines": [{{"amount": {digits}}}]}}"#);
            let line = Given::Lines(vec![vec![(amount, digits.to_owned())]]);
            let doc_no = Given::Text(digits.to_owned());
            let said = vec![(budget::DOC_NO.position(), doc_no), (budget::LINES.position(), line)];
            assert_eq!(parsed(&text), Ok(said));
        }
    }

    #[test]
    fn a_power_of_ten_is_written_out() {
        for (power, digits) in [
            ("1e2", "100"),
            ("-1.50E+1", "-15.0"),
            ("12.345e1", "123.45"),
            ("5e-2", "0.05"),
            ("0.5e1", "5"),
            ("62284804025648900180e0", "62284804025648900180"),
            ("123e-3", "0.123"),
            ("1e31", "1e31"),
        ] {
            assert_eq!(written_out(power), digits, "{power}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let deep = format!(r#"{{"lines": {}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
        for (wrong, what) in [
            (r#"{"lines": [{}, {"amount": 1, "金额": 2}]}"#, LineProblem::Twice("lines.2.金额".into())),
            (r#"{"lines": [{"nothing": 1}]}"#, LineProblem::NoField("lines.1.nothing".into())),
            (r#"{"lines": 1, "lines": 2}"#, LineProblem::Twice("lines".into())),
            (r#"{"amount": 1}"#, LineProblem::NoField("amount".into())),
            (r#"{"lines": [{"amount": 1}"#, LineProblem::Unreadable),
            ("[1]", LineProblem::Unreadable),
            (r#"{"doc_no": "\ud800"}"#, LineProblem::Unreadable),
        ] {
            assert_eq!(parsed(wrong), Err(what), "{wrong:.80}");
        }
        let many = format!(r#"{{"lines": [{}{{}}]}}"#, "{},".repeat(100));
        for (wrong, field, rule) in [
            (r#"{"lines": {"amount": 1}}"#, "lines", "not a table"),
            (r#"{"lines": "1"}"#, "lines", "not a table"),
            (r#"{"lines": [{"amount": 1}, [1]]}"#, "lines.2", "not a line of the table"),
            (r#"{"lines": [null]}"#, "lines.1", "not a line of the table"),
            (&deep, "lines.1", "not a line of the table"),
            (r#"{"lines": [{"amount": 1}, {"amount": {"yuan": 1}}]}"#, "lines.2.amount", "not a single value"),
            (r#"{"lines": [{"amount": [[1]]}]}"#, "lines.1.amount", "not a single value"),
            (r#"{"year": {}}"#, "year", "not a single value"),
            (&many, "lines", "more than 100 lines"),
        ] {
            let Err(LineProblem::Field(refusal)) = parsed(wrong) else { panic!("{wrong:.80}") };
            assert_eq!(
                (refusal.field_name.as_str(), refusal.rule.get(Lang::En).as_str()),
                (field, rule),
                "{wrong:.80}"
            );
        }
    }
}
