//! A template and the values that go into it. `{name}` stands for a value; what is in square brackets is left out where
//! one of its values is missing.

/// Puts the values in; `None` where one is missing that is not in brackets, or the template is none.
pub fn fill(template: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('[') {
        let (inner, outer) = after.split_once(']')?;
        text += &flat(before, value)?;
        if let Some(inner) = flat(inner, value) {
            text += &inner;
        }
        rest = outer;
    }
    Some(text + &flat(rest, value)?)
}

fn flat(template: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}')?;
        text += before;
        text += &value(name)?;
        rest = behind;
    }
    Some(text + rest)
}

/// Whether a template names only these, with what may be missing in brackets alone.
pub(super) fn sound(template: &str, names: &[(&str, bool)]) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{what}: {template}"));
    if template.is_empty() {
        return wrong("a message in one language only");
    }
    let of = |missing_too: bool| {
        move |name: &str| {
            let known = names.iter().find(|(known, _)| *known == name);
            known.filter(|(_, optional)| missing_too || !optional).map(|_| "x".to_owned())
        }
    };
    // All there, and nothing but what always is there.
    let bracketed = template.split('[').skip(1).map(|part| part.split(']').next().unwrap_or_default());
    for part in bracketed {
        if flat(part, &of(true)).is_none() {
            return wrong("a value that is not declared");
        }
    }
    match fill(template, &of(false)) {
        Some(_) => Ok(()),
        None => wrong("a value that is not declared, or may be missing"),
    }
}

/// Whether it is a template at all, whatever it names.
pub(super) fn formed(template: &str) -> Result<(), String> {
    match fill(template, &|_| Some("x".to_owned())) {
        Some(text) if !text.is_empty() => Ok(()),
        _ => Err(format!("no message: {template}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_where_they_are_named() {
        let value = |name: &str| match name {
            "paid" => Some("100.00".to_owned()),
            "due" => Some("2026-03-31".to_owned()),
            _ => None,
        };
        for (template, expected) in [
            ("paid {paid}[, due {due}][, of {year}].", Some("paid 100.00, due 2026-03-31.")),
            ("{year}", None),
            ("{paid", None),
            ("[open", None),
            ("plain", Some("plain")),
        ] {
            assert_eq!(fill(template, &value).as_deref(), expected, "{template}");
        }
    }

    #[test]
    fn a_template_names_what_is_declared() {
        let names = [("paid", false), ("due", true)];
        assert!(sound("{paid}[ by {due}]", &names).is_ok());
        for bad in ["", "{due}", "{year}", "[{year}]", "{paid"] {
            assert!(sound(bad, &names).is_err(), "{bad}");
        }
    }
}
