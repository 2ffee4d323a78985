//! Which language to speak: what was asked for, else what the machine is set to, else Chinese.

use std::ffi::OsString;

use huiliu_proto::lang::Lang;

/// Chosen before the arguments are parsed, because the help is in that language too.
pub fn choose(arguments: impl IntoIterator<Item = OsString>, environment: &dyn Fn(&str) -> Option<String>) -> Lang {
    asked(arguments).unwrap_or_else(|| locale(environment))
}

fn asked(arguments: impl IntoIterator<Item = OsString>) -> Option<Lang> {
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let argument = argument.to_string_lossy().into_owned();
        let value = match argument.strip_prefix("--lang") {
            Some("") => arguments.next().map(|a| a.to_string_lossy().into_owned()),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None if argument == "--" => return None,
            None => continue,
        };
        return match value.as_deref() {
            Some("zh") => Some(Lang::Zh),
            Some("en") => Some(Lang::En),
            _ => None,
        };
    }
    None
}

fn locale(environment: &dyn Fn(&str) -> Option<String>) -> Lang {
    let set = |name: &str| environment(name).filter(|value| !value.is_empty());
    match set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")) {
        // "C" says that nothing was chosen.
        Some(value) if matches!(value.split('.').next(), Some("C" | "POSIX")) => Lang::Zh,
        Some(value) if value.to_lowercase().starts_with("zh") => Lang::Zh,
        Some(_) => Lang::En,
        None => Lang::Zh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asked_then_set_then_chinese() {
        let lang = |arguments: &[&str], variables: &[(&str, &str)]| {
            let variables: Vec<_> = variables.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
            let environment = move |name: &str| variables.iter().find(|v| v.0 == name).map(|v| v.1.clone());
            choose(arguments.iter().map(OsString::from), &environment)
        };
        assert_eq!(lang(&["huiliu-node"], &[]), Lang::Zh);
        assert_eq!(lang(&[], &[("LANG", "en_GB.UTF-8")]), Lang::En);
        assert_eq!(lang(&[], &[("LANG", "C.UTF-8")]), Lang::Zh);
        assert_eq!(lang(&[], &[("LANG", "en_GB.UTF-8"), ("LC_ALL", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(lang(&["status", "--lang", "en"], &[("LANG", "zh_CN")]), Lang::En);
        assert_eq!(lang(&["--lang=zh"], &[("LANG", "en_US")]), Lang::Zh);
        assert_eq!(lang(&["--", "--lang=zh"], &[("LANG", "en_US")]), Lang::En);
    }
}
