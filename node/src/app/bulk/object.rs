//! A line of JSON as a record: an object with fields by name, and a table as a list of objects.

use std::{collections::HashSet, fmt};

use huiliu_proto::{kind::Field, lang::Label, rule::Rule, value::Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{
    LineProblem,
    cells::{Cells, Given, field_named},
};

/// A value of JSON with all that it says, also where an object says one name twice.
enum Node {
    Null,
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Node, D::Error> {
        from.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Text(if flag { "yes" } else { "no" }.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Text(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Text(number.to_string()))
    }

    /// As it is typed: money in yuan.
    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(serde_json::Number::from_f64(number).map_or(Node::Null, |number| Node::Text(number.to_string())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = vec![];
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = vec![];
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }
}

/// What a line says of these fields.
pub(super) fn read(fields: &[Field], text: &str) -> Result<Cells, LineProblem> {
    let Ok(Node::Object(members)) = serde_json::from_str(text) else { return Err(LineProblem::Unreadable) };
    let mut cells = vec![];
    for (at, node) in placed(fields, members)? {
        let field = &fields[at];
        let given = match node {
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

fn no_list(table: &Field) -> huiliu_proto::record::Refusal {
    let rule = Rule::new("not_a_table", "不是明细", "not a table");
    let remedy = Label::new("请写成列表，每行一个对象", "write it as a list, with an object for each line");
    table.refuse(&Value::Text(String::new()), rule, remedy)
}

/// One line of a table.
fn row(table: &Field, i: usize, line: Node) -> Result<Vec<(usize, String)>, LineProblem> {
    let Node::Object(members) = line else { return Err(LineProblem::Field(no_list(table))) };
    let columns = table.lines();
    let mut cells = vec![];
    for (at, node) in placed(columns, members).map_err(|what| what.in_line(table, i))? {
        let text = typed(&columns[at], node).map_err(|what| what.in_line(table, i))?;
        cells.extend(text.map(|text| (at, text)));
    }
    Ok(cells)
}

/// The members by the places of their fields, each once.
fn placed(fields: &[Field], members: Vec<(String, Node)>) -> Result<Vec<(usize, Node)>, LineProblem> {
    let (mut placed, mut named) = (vec![], HashSet::new());
    for (name, node) in members {
        let at = field_named(fields, &name)?;
        if !named.insert(at) {
            return Err(LineProblem::Twice(name));
        }
        placed.push((at, node));
    }
    Ok(placed)
}

/// A value as it would be typed; nothing where it says nothing.
fn typed(field: &Field, node: Node) -> Result<Option<String>, LineProblem> {
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
            let choice = |choice| match choice {
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
            (&deep, LineProblem::Unreadable),
        ] {
            assert_eq!(parsed(wrong), Err(what), "{wrong:.80}");
        }
        let many = format!(r#"{{"lines": [{}{{}}]}}"#, "{},".repeat(100));
        for (wrong, field, rule) in [
            (r#"{"lines": {"amount": 1}}"#, "lines", "not a table"),
            (r#"{"lines": "1"}"#, "lines", "not a table"),
            (r#"{"lines": [[1]]}"#, "lines", "not a table"),
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
