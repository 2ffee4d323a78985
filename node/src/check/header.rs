//! The file of a check: `-- key: value` lines up to the first empty line, then free words, then three parts, each after a
//! line of its own: `-- with`, what both queries share; `-- cases`; `-- records`. docs/adding-a-check.md says what each is.

use huiliu_proto::{lang::Label, union::Level, v1};

use super::{Check, Message, Parameter, RESERVED, Reported, Stricter, Variant, argument, message};

pub(super) const LEVELS: [(&str, Level, &str); 4] = [
    ("nation", Level::Nation, "全国"),
    ("province", Level::Province, "省"),
    ("city", Level::City, "市"),
    ("county", Level::County, "县（仅供自查）"),
];

/// `red`, as headers write it.
fn severity_named(name: &str) -> Option<v1::Severity> {
    v1::Severity::from_str_name(&name.to_uppercase()).filter(|s| *s != v1::Severity::Unspecified)
}

/// `B1`, as headers write it.
fn family_named(name: &str) -> Option<v1::Family> {
    v1::Family::from_str_name(&format!("FAMILY_{name}")).filter(|f| *f != v1::Family::Unspecified)
}

fn words(text: &'static str) -> Result<Label, String> {
    match text.split_once(" | ") {
        Some((zh, en)) => Ok(Label::new(zh.trim(), en.trim())),
        None => Err(format!("no English: {text}")),
    }
}

/// `grace = 20 less : 付款后的宽限 | days allowed`: name, default, and which way is stricter.
fn parameter(line: &'static str) -> Result<Parameter, String> {
    let (declared, text) = line.split_once(" : ").ok_or(format!("no label: {line}"))?;
    let (name, rest) = declared.split_once(" = ").ok_or(format!("no default: {line}"))?;
    let (default, stricter) = rest.trim().split_once(' ').ok_or(format!("which way is stricter? {line}"))?;
    let default = default.parse().map_err(|_| format!("not a number: {line}"))?;
    let stricter = match stricter {
        "less" => Stricter::Less,
        "more" => Stricter::More,
        _ => return Err(format!("which way is stricter? {line}")),
    };
    Ok(Parameter { name: name.trim(), default, stricter, label: words(text)? })
}

/// `census_on day? : 核定日 | census`: name, kind, and a question mark where there may be none.
fn result(line: &'static str) -> Result<Reported, String> {
    let (declared, text) = line.split_once(" : ").ok_or(format!("no label: {line}"))?;
    let (name, kind) = declared.trim().split_once(' ').ok_or(format!("no kind: {line}"))?;
    let (kind, optional) = kind.trim().strip_suffix('?').map_or((kind.trim(), false), |kind| (kind, true));
    let kind = argument::kind_named(kind).ok_or(format!("no such kind: {line}"))?;
    Ok(Reported { name, kind, optional, label: words(text)? })
}

/// `late yellow N`: a code, and what differs from the check's own severity and family.
fn variant(line: &'static str) -> Result<Variant, String> {
    let mut words = line.split_whitespace();
    let name = words.next().ok_or(format!("no name: {line}"))?;
    let severity = words.next().map(|s| severity_named(s).ok_or(format!("no such severity: {line}"))).transpose()?;
    let family = words.next().map(|f| family_named(f).ok_or(format!("no such family: {line}"))).transpose()?;
    Ok(Variant { name, severity, family })
}

/// `message late zh`, or `message v2 late zh` for an earlier version.
fn said(key: &'static str, version: i32) -> Option<(i32, &'static str, bool)> {
    let mut words: Vec<&str> = key.split(' ').skip(1).collect();
    let zh = match words.pop()? {
        "zh" => true,
        "en" => false,
        _ => return None,
    };
    let earlier = words.first().and_then(|w| w.strip_prefix('v')).and_then(|n| n.parse().ok());
    if earlier.is_some() {
        words.remove(0);
    }
    let version = earlier.unwrap_or(version);
    match words[..] {
        [] => Some((version, "", zh)),
        [variant] => Some((version, variant, zh)),
        _ => None,
    }
}

fn messages(header: &[(&'static str, &'static str)], version: i32) -> Result<Vec<Message>, String> {
    let mut all: Vec<Message> = vec![];
    for (key, text) in header.iter().filter(|(key, _)| key.starts_with("message ")) {
        let (version, variant, zh) = said(key, version).ok_or(format!("no such key: {key}"))?;
        let at = all.iter().position(|m| m.version == version && m.variant == variant).unwrap_or_else(|| {
            all.push(Message { version, variant, zh: "", en: "" });
            all.len() - 1
        });
        let place = if zh { &mut all[at].zh } else { &mut all[at].en };
        if !std::mem::replace(place, text).is_empty() {
            return Err(format!("{key} stands twice"));
        }
    }
    Ok(all)
}

/// The three parts after the header.
fn parts(file: &'static str) -> Result<[&'static str; 3], String> {
    let mut rest = file;
    let mut parts = [""; 3];
    for (at, line) in ["\n-- with\n", "\n-- cases\n", "\n-- records\n"].into_iter().enumerate() {
        let (before, after) = rest.split_once(line).ok_or(format!("no part{}", line.trim_end()))?;
        if at > 0 {
            parts[at - 1] = before.trim();
        }
        rest = after;
    }
    parts[2] = rest.trim().trim_end_matches(';');
    parts[1] = parts[1].trim_end_matches(';');
    Ok(parts)
}

impl Check {
    /// The error says what is missing or wrong. `parameter`, `result`, `variant`, `role` and `message` may be repeated.
    pub(super) fn read(file: &'static str) -> Result<Check, String> {
        let header: Vec<(&str, &str)> = file
            .lines()
            .take_while(|line| !line.is_empty())
            .map(|line| {
                line.strip_prefix("-- ").and_then(|l| l.split_once(": ")).ok_or(format!("not a header: {line}"))
            })
            .collect::<Result<_, _>>()?;
        const KEYS: &str = " id version words_since title_zh title_en clause_zh clause_en severity family levels discloses parameter result \
                            variant role innocent_zh innocent_en ";
        let known = |key: &str| key.starts_with("message ") || KEYS.contains(&format!(" {key} "));
        if let Some((key, _)) = header.iter().find(|(key, _)| !known(key)) {
            return Err(format!("no such key: {key}"));
        }
        let get = |key: &str| {
            let mut values = header.iter().filter(|(k, _)| *k == key).map(|(_, value)| value.trim());
            match (values.next(), values.next()) {
                (Some(value), None) if !value.is_empty() => Ok(value),
                _ => Err(format!("{key} must stand once")),
            }
        };
        let label = |key: &str| Ok::<_, String>(Label::new(get(&format!("{key}_zh"))?, get(&format!("{key}_en"))?));
        let all = |key: &'static str| header.iter().filter(move |(k, _)| *k == key).map(|(_, value)| *value);
        let level =
            |name: &str| LEVELS.iter().find(|l| l.0 == name.trim()).map(|l| l.1).ok_or(format!("no level: {name}"));
        let role = |line: &'static str| {
            let (name, text) = line.split_once(" : ").ok_or(format!("no label: {line}"))?;
            Ok::<_, String>((name.trim(), words(text)?))
        };
        let version = get("version")?.parse().map_err(|_| "version is not a number")?;
        let words_since = match header.iter().any(|(key, _)| *key == "words_since") {
            true => get("words_since")?
                .parse()
                .ok()
                .filter(|n| (1..version).contains(n))
                .ok_or("words_since is no earlier version")?,
            false => version,
        };
        let discloses = match header.iter().any(|(key, _)| *key == "discloses") {
            true if get("discloses")? == "others" => true,
            true => return Err("only what is said of others is disclosed".into()),
            false => false,
        };
        let [shared, cases, records] = parts(file)?;
        let check = Check {
            id: get("id")?,
            version,
            words_since,
            title: label("title")?,
            clause: label("clause")?,
            severity: severity_named(get("severity")?).ok_or("no such severity")?,
            family: family_named(get("family")?).ok_or("no such family")?,
            levels: get("levels")?.split(',').map(level).collect::<Result<_, _>>()?,
            discloses,
            parameters: all("parameter").map(parameter).collect::<Result<_, _>>()?,
            results: all("result").map(result).collect::<Result<_, _>>()?,
            variants: all("variant").map(variant).collect::<Result<_, _>>()?,
            roles: all("role").map(role).collect::<Result<_, _>>()?,
            messages: messages(&header, version)?,
            innocent: label("innocent")?,
            shared,
            cases,
            records,
        };
        check.complete()?;
        Ok(check)
    }

    /// What can be said of a case has words for it, and the words name nothing else.
    fn complete(&self) -> Result<(), String> {
        let reported = self.results.iter().map(|r| (r.name, r.optional));
        let names: Vec<(&str, bool)> =
            reported.chain(self.parameters.iter().map(|p| (p.name, false))).chain([("subject", false)]).collect();
        for (at, (name, _)) in names.iter().enumerate() {
            if RESERVED.contains(name) && *name != "subject" || names[..at].iter().any(|(other, _)| other == name) {
                return Err(format!("{name} cannot be a name"));
            }
        }
        let variants: Vec<&str> = match self.variants[..] {
            [] => vec![""],
            _ => self.variants.iter().map(|v| v.name).collect(),
        };
        for variant in &variants {
            if !self.messages.iter().any(|m| m.version == self.version && m.variant == *variant) {
                return Err(format!("no message {variant}"));
            }
        }
        for one in &self.messages {
            if one.version == self.version && !variants.contains(&one.variant) {
                return Err(format!("no such variant: {}", one.variant));
            }
            for text in [one.zh, one.en] {
                if one.version == self.version {
                    message::sound(text, &names)?;
                } else {
                    // What an earlier version named may be gone.
                    message::formed(text)?;
                }
            }
        }
        Ok(())
    }
}
