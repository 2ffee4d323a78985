//! Writes the typed handles of all kinds that a set of `.proto` files declares: per kind and per table inside one a
//! module with a constant for each field. A field that is misspelt, or read as another type, does not compile.
//!
//! The tests build a kind of their own with this same file (`tests/build.rs`).

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind as Proto, MessageDescriptor, ReflectMessage as _, Value,
};

/// The messages with a `kind` option, in the order of their numbers; of those in `files` only.
pub fn kinds(
    pool: &DescriptorPool,
    files: &dyn Fn(&str) -> bool,
) -> Result<Vec<(u32, MessageDescriptor)>, Box<dyn Error>> {
    let extension = pool.get_extension_by_name("huiliu.v1.kind").ok_or("options.proto declares the option `kind`")?;
    let mut found = vec![];
    for message in pool.all_messages().filter(|m| files(m.parent_file().name())) {
        let options = message.options();
        if !options.has_extension(&extension) {
            continue;
        }
        let said = options.get_extension(&extension);
        let number = said.as_message().and_then(|said| number(said, "number")).ok_or("a kind has a number")?;
        found.push((u32::try_from(number)?, message));
    }
    found.sort_by_key(|(number, _)| *number);
    Ok(found)
}

/// The rooms: the Rust files in a folder, by the kinds they are named after.
pub fn rooms(dir: &Path, kinds: &[(u32, MessageDescriptor)]) -> Result<BTreeMap<String, PathBuf>, Box<dyn Error>> {
    let names: BTreeSet<String> = kinds.iter().map(|(_, message)| snake(message.name())).collect();
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        if path.extension().is_some_and(|e| e == "rs") {
            if !names.contains(name) {
                return Err(format!("{}: no kind has this name", path.display()).into());
            }
            found.insert(name.to_owned(), path.canonicalize()?);
        }
    }
    Ok(found)
}

/// The modules with the handles, each with its room, and the list of all rooms. They name `handle`, `room` and `v1` of
/// the module that includes them.
pub fn write(
    pool: &DescriptorPool,
    kinds: &[(u32, MessageDescriptor)],
    rooms: &BTreeMap<String, PathBuf>,
) -> Result<String, Box<dyn Error>> {
    let (mut out, mut made) = (String::new(), BTreeSet::new());
    for (number, message) in kinds {
        let name = message.name();
        writeln!(
            out,
            "impl handle::Declared for v1::{name} {{ const NUMBER: u32 = {number}; const NAME: &'static str = {:?}; }}",
            snake(name)
        )?;
        fields(pool, message, rooms, &mut made, &mut out)?;
    }
    writeln!(out, "/// The same bytes through the struct of the kind.\n#[cfg(test)] #[allow(dead_code)]")?;
    writeln!(out, "pub(crate) fn through_struct(number: u32, bytes: &[u8]) -> Option<Vec<u8>> {{ match number {{")?;
    for (number, message) in kinds {
        let message = format!("<v1::{} as prost::Message>", message.name());
        writeln!(out, "{number} => Some(prost::Message::encode_to_vec(&{message}::decode(bytes).ok()?)),")?;
    }
    writeln!(out, "_ => None }} }}")?;
    writeln!(out, "/// Number, name and number of fields of each kind.")?;
    writeln!(out, "pub const DECLARED: &[(u32, &str, usize)] = &[")?;
    for (number, message) in kinds {
        writeln!(out, "({number}, {:?}, {}),", snake(message.name()), message.fields().len())?;
    }
    writeln!(out, "];")?;
    writeln!(out, "/// All rooms, in the order of the kinds' numbers.")?;
    writeln!(out, "pub static ROOMS: &[room::AnyRoom] = &[")?;
    for (_, message) in kinds.iter().filter(|(_, message)| rooms.contains_key(&snake(message.name()))) {
        writeln!(out, "room::AnyRoom::of::<v1::{}>(),", message.name())?;
    }
    writeln!(out, "];")?;
    Ok(out)
}

fn fields(
    pool: &DescriptorPool,
    message: &MessageDescriptor,
    rooms: &BTreeMap<String, PathBuf>,
    made: &mut BTreeSet<String>,
    out: &mut String,
) -> Result<(), Box<dyn Error>> {
    // Two tables may have the same lines.
    if !made.insert(message.name().to_owned()) {
        return Ok(());
    }
    // In the order in which `kind.rs` reads them: a handle is a position.
    let mut declared: Vec<FieldDescriptor> = message.fields().collect();
    declared.sort_by_key(FieldDescriptor::number);
    let name = message.name();
    writeln!(out, "impl handle::Columns for v1::{name} {{ const COLUMNS: usize = {}; }}", declared.len())?;
    let mut inside = vec![];
    let mut text = String::new();
    for (at, field) in declared.iter().enumerate() {
        let said = said(pool, field)?;
        writeln!(text, "/// {} · {}", word(&said, "zh"), word(&said, "en"))?;
        let ty = match field.kind() {
            Proto::Message(line) if field.is_list() => {
                let ty = format!("Lines<v1::{}>", line.name());
                if !inside.contains(&line) {
                    writeln!(text, "#[allow(unused_imports)] use super::{};", snake(line.name()))?;
                    inside.push(line);
                }
                ty
            }
            kind => type_of(&kind, &said)?,
        };
        writeln!(text, "pub const {}: Field<v1::{name}, {ty}> = Field::at({at});", field.name().to_uppercase())?;
    }
    if let Some(room) = rooms.get(&snake(name)) {
        writeln!(text, "#[path = {:?}] pub mod room;", room.display().to_string())?;
    }
    writeln!(out, "/// The fields of `{}`.", snake(name))?;
    writeln!(out, "pub mod {} {{ use super::v1; use super::handle::*;\n{text}}}", snake(name))?;
    inside.iter().try_for_each(|line| fields(pool, line, rooms, made, out))
}

fn type_of(kind: &Proto, said: &DynamicMessage) -> Result<String, Box<dyn Error>> {
    let format = chosen(said, "format")?;
    Ok(match (kind, format.as_str()) {
        (Proto::String, _) => "Text".into(),
        (Proto::Bool, _) => "Flag".into(),
        (Proto::Bytes, _) if word(said, "ref").is_empty() => "Bytes".into(),
        (Proto::Bytes, _) => "Reference".into(),
        (Proto::Enum(choices), _) => format!("Choice<v1::{}>", choices.name()),
        (Proto::Uint64, "CHOICES") => format!("Choices<v1::{}>", word(said, "set_of")),
        (_, "DATE") => "Date".into(),
        (_, "MONTH") => "InMonth".into(),
        (_, "FEN") => "Money".into(),
        (_, "REGION" | "UNION_NUMBER") => "Union".into(),
        (Proto::Int32 | Proto::Int64 | Proto::Uint32 | Proto::Uint64, _) => "Int".into(),
        (other, _) => return Err(format!("records have no fields of type {other:?}").into()),
    })
}

/// The name of the choice that an option makes, as options.proto has it.
fn chosen(said: &DynamicMessage, option: &str) -> Result<String, Box<dyn Error>> {
    let field = said.descriptor().get_field_by_name(option).ok_or(format!("options.proto declares `{option}`"))?;
    let (kind, value) = (field.kind(), said.get_field(&field));
    let (Proto::Enum(choices), Value::EnumNumber(number)) = (&kind, &*value) else {
        return Err(format!("`{option}` is no choice").into());
    };
    let choice = choices.get_value(*number).ok_or(format!("`{option}` has no choice {number}"))?;
    Ok(choice.name().to_owned())
}

fn said(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<DynamicMessage, Box<dyn Error>> {
    let extension = pool.get_extension_by_name("huiliu.v1.field").ok_or("options.proto declares the option `field`")?;
    let options = field.options();
    let said = options.get_extension(&extension);
    Ok(said.as_message().cloned().ok_or_else(|| format!("{}: no options", field.full_name()))?)
}

fn number(said: &DynamicMessage, name: &str) -> Option<i64> {
    match *said.get_field_by_name(name)? {
        Value::I32(n) | Value::EnumNumber(n) => Some(n.into()),
        Value::U32(n) => Some(n.into()),
        _ => None,
    }
}

fn word(said: &DynamicMessage, name: &str) -> String {
    said.get_field_by_name(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// `WorkEntry` to `work_entry`, as `kind.rs` does.
pub fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (i, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
