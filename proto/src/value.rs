//! A value, what a field accepts, what a person may type for it and how it is shown again.
//!
//! The types never tell: `Debug` of a value hides text and bytes, because records hold names and numbers of people.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use crate::{
    ident::{CreditCode, CreditCodeError, IdentWarning, ResidentId, ResidentIdError, contains_resident_id, mask},
    kind::{Choice, Field, Format, Type, Width},
    lang::{Label, Lang},
    money::{Fen, MoneyError, decimal},
    period::{Day, Month, PeriodError},
    rule::{Breach, Rule},
    rules::{Refusal, Warning},
    shown,
    union::{UnionError, UnionNumber},
};

const NO_SUCH_CHOICE: Rule = Rule::new("no_such_choice", "没有这个选项", "there is no such choice");

/// Longest sealed box a sealed field may hold.
pub const MAX_SEALED: usize = 256;

/// Times are shown as they are in all of China.
const BEIJING_MILLIS: i64 = 8 * 3_600_000;
const DAY_MILLIS: i64 = 86_400_000;

/// Texts at least this long are written in a box of several lines, and may have line breaks.
const LONG_TEXT: i64 = 500;

#[derive(Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    /// Numbers, dates, months, choices and sets of choices.
    Int(i64),
    Text(String),
    /// Ids, hashes, keys, sealed boxes.
    Bytes(Vec<u8>),
    Lines(Vec<Vec<Option<Value>>>),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(n) => write!(f, "{n}"),
            Value::Text(text) => write!(f, "text of {} bytes", text.len()),
            Value::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Value::Lines(lines) => f.debug_list().entries(lines).finish(),
        }
    }
}

impl Value {
    /// Nothing was said: no text, no bytes, no lines. A nought is something.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Bool(_) | Value::Int(_) => false,
            Value::Text(text) => text.is_empty(),
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::Lines(lines) => lines.is_empty(),
        }
    }
}

/// A full-width letter or digit as a plain one; everything else, full-width punctuation too, as it is.
fn half_width(c: char) -> char {
    match c {
        '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

fn label(zh: impl Into<String>, en: impl Into<String>) -> Label {
    Label::new(zh, en)
}

impl Field {
    /// Whether the value may stand in this field, whatever stands in the others.
    pub fn check(&self, value: &Value) -> Result<Vec<Warning>, Refusal> {
        match (&self.ty, value) {
            (Type::Text, Value::Text(text)) => self.check_text(text),
            // Sealed by its author; what is inside was checked before it was sealed.
            (Type::Text, Value::Bytes(sealed)) if self.sealed() && (1..=MAX_SEALED).contains(&sealed.len()) => {
                Ok(vec![])
            }
            (Type::Int, Value::Int(n)) => self.check_number(*n),
            (Type::Bool, Value::Bool(_)) => Ok(vec![]),
            (Type::Bytes | Type::Reference, Value::Bytes(bytes)) => {
                let length = bytes.len() as i64;
                if self.min.is_some_and(|min| length < min) || self.max.is_some_and(|max| length > max) {
                    return Err(self.refuse(
                        value,
                        Rule::new("length", "长度不对", "the length is wrong"),
                        self.look_again(),
                    ));
                }
                Ok(vec![])
            }
            (Type::Choice(choices), Value::Int(n)) => match self.choice(*n) {
                Some(_) => Ok(vec![]),
                None => Err(self.refuse(value, NO_SUCH_CHOICE, self.offer(choices))),
            },
            (Type::Choices(choices), Value::Int(bits)) => {
                let known = choices.iter().fold(0i64, |set, c| set | 1 << c.number);
                match *bits >= 0 && bits & !known == 0 {
                    true => Ok(vec![]),
                    false => Err(self.refuse(value, NO_SUCH_CHOICE, self.offer(choices))),
                }
            }
            (Type::Lines(fields), Value::Lines(lines)) => self.check_lines(fields, lines),
            _ => Err(self.refuse(value, Rule::new("type", "类型不对", "the type is wrong"), self.look_again())),
        }
    }

    fn check_text(&self, text: &str) -> Result<Vec<Warning>, Refusal> {
        let value = || Value::Text(text.to_owned());
        let refuse = |rule: Breach, remedy| Err(self.refuse(&value(), rule, remedy));
        if text.trim().is_empty() {
            return refuse(
                Rule::new("blank", "只有空格", "there is nothing but blanks").into(),
                label("请填写内容，或留空", "fill it in or leave it empty"),
            );
        }
        let characters = text.chars().count() as i64;
        if let Some(max) = self.max.filter(|max| characters > *max) {
            return refuse(
                Rule::new("too_long", "超过{most}个字", "longer than {most} characters").number("most", max),
                label("请缩短", "shorten it"),
            );
        }
        if let Some(min) = self.min.filter(|min| characters < *min) {
            return refuse(
                Rule::new("too_short", "少于{least}个字", "shorter than {least} characters").number("least", min),
                label("请补全", "complete it"),
            );
        }
        let breaks = self.max.is_some_and(|max| max >= LONG_TEXT);
        if shown::deceives(text) || text.chars().any(|c| c.is_control() && !(breaks && c == '\n')) {
            return refuse(
                Rule::new(
                    "unseen_characters",
                    "含有看不见的字符或层层叠加的符号",
                    "it holds characters that cannot be seen, or too many marks on one letter",
                )
                .into(),
                label("请重新输入，不要粘贴", "type it again rather than pasting it"),
            );
        }
        let canonical = |canonical: &str| match canonical == text {
            true => Ok(()),
            false => Err(self.refuse(
                &value(),
                Rule::new("standard_form", "不是规范写法", "not in its standard form"),
                label("请用半角大写字符，不留空格", "use plain capitals and digits without blanks"),
            )),
        };
        match self.format {
            Format::ResidentId => {
                let id: ResidentId = text.parse().map_err(|e| self.refuse_resident(&value(), e))?;
                canonical(id.as_str())?;
                Ok(id.warnings().into_iter().map(|w| self.warn_ident(&value(), w)).collect())
            }
            Format::CreditCode => {
                let code: CreditCode = text.parse().map_err(|e| self.refuse_credit(&value(), e))?;
                canonical(code.as_str())?;
                Ok(code.warnings().into_iter().map(|w| self.warn_ident(&value(), w)).collect())
            }
            Format::Phone if !phone(text) => refuse(
                Rule::new("not_a_phone_number", "不是电话号码", "not a phone number").into(),
                label(
                    "手机填11位，固定电话填区号-号码",
                    "eleven digits for a mobile; area code, hyphen, number for a fixed line",
                ),
            ),
            _ => Ok(vec![]),
        }
    }

    fn check_number(&self, n: i64) -> Result<Vec<Warning>, Refusal> {
        let value = Value::Int(n);
        let (min, max) = (self.min.unwrap_or(i64::MIN), self.max.unwrap_or(i64::MAX));
        if n < min || n > max {
            let rule = Rule::new("out_of_range", "不在{least}至{most}之间", "not between {least} and {most}");
            let rule = rule.value("least", self, min).value("most", self, max);
            return Err(self.refuse(&value, rule, self.look_again()));
        }
        if matches!(self.format, Format::Region | Format::Union) {
            let union = UnionNumber::try_from(n).map_err(|e| self.refuse_region(&value, e))?;
            if self.format == Format::Region && union.serial().is_some() {
                return Err(self.refuse_region(&value, UnionError::Form));
            }
            if self.format == Format::Union {
                union.as_union().map_err(|e| self.refuse_region(&value, e))?;
            }
        }
        Ok(vec![])
    }

    /// Whether a table may have so many lines.
    pub fn check_length(&self, lines: usize) -> Result<(), Refusal> {
        let Some(max) = self.max.filter(|max| lines as i64 > *max) else { return Ok(()) };
        let rule = Rule::new("too_many_lines", "超过{most}行", "more than {most} lines").number("most", max);
        Err(self.refuse(&Value::Int(lines as i64), rule, label("请分开填报", "split it")))
    }

    fn check_lines(&self, fields: &[Field], lines: &[Vec<Option<Value>>]) -> Result<Vec<Warning>, Refusal> {
        self.check_length(lines.len())?;
        let mut warnings = vec![];
        for (i, line) in lines.iter().enumerate() {
            if line.len() != fields.len() {
                let rule = Rule::new("columns", "栏数不对", "the number of columns is wrong");
                return Err(self.refuse(&Value::Int(line.len() as i64), rule, self.look_again()).in_line(self, i));
            }
            for found in check_all(fields, line) {
                match found {
                    Ok(warning) => warnings.push(warning.in_line(self, i)),
                    Err(refusal) => return Err(refusal.in_line(self, i)),
                }
            }
        }
        Ok(warnings)
    }

    /// What a clerk typed, in any width, made into a value that `check` accepts.
    pub fn parse(&self, typed: &str) -> Result<Value, Refusal> {
        let typed = typed.replace("\r\n", "\n");
        // NFKC turns the punctuation of a Chinese sentence into ASCII; only where a format or a list of choices decides
        // what a value may be is that no loss.
        let text: String = match (&self.ty, self.format) {
            (Type::Text, Format::None) => typed.nfc().map(half_width).collect(),
            _ => typed.nfkc().collect(),
        };
        let text = text.trim();
        let said = || Value::Text(typed.trim().to_owned());
        if text.is_empty() {
            return Err(self.missing());
        }
        if matches!(self.ty, Type::Text) && self.format == Format::None && !self.sealed() && contains_resident_id(text)
        {
            let rule = Rule::new(
                "identity_number_in_clear",
                "含有身份证号，而这里不加密",
                "it holds an identity number, and this field is not sealed",
            );
            let remedy = label(
                "请删去号码；身份证号只填在加密的字段里",
                "take the number out; it belongs into the sealed field and nowhere else",
            );
            return Err(self.refuse(&Value::Text(mask(text)), rule, remedy));
        }
        let value = match &self.ty {
            Type::Text => Value::Text(self.parse_text(text).map_err(|r| *r)?),
            Type::Int => Value::Int(self.parse_number(text)?),
            Type::Bool => Value::Bool(match text.to_lowercase().as_str() {
                "是" | "有" | "yes" | "y" | "true" | "1" | "√" | "✓" => true,
                "否" | "无" | "no" | "n" | "false" | "0" | "×" => false,
                _ => {
                    let rule = Rule::new("not_yes_or_no", "不是是或否", "neither yes nor no");
                    return Err(self.refuse(&said(), rule, label("请填“是”或“否”", "type yes or no")));
                }
            }),
            Type::Choice(choices) => match choice(choices, text) {
                Some(c) => Value::Int(i64::from(c.number)),
                None => {
                    return Err(self.refuse(&said(), NO_SUCH_CHOICE, self.offer(choices)));
                }
            },
            Type::Choices(choices) => {
                let mut bits = 0i64;
                for word in text.split(['、', ',', ';', '\n']).map(str::trim).filter(|w| !w.is_empty()) {
                    let Some(c) = choice(choices, word) else {
                        let one = Value::Text(word.to_owned());
                        return Err(self.refuse(&one, NO_SUCH_CHOICE, self.offer(choices)));
                    };
                    bits |= 1 << c.number;
                }
                Value::Int(bits)
            }
            Type::Bytes | Type::Reference => {
                let digits: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
                match unhex(&digits) {
                    Some(bytes) => Value::Bytes(bytes),
                    None => {
                        let rule = Rule::new("not_an_id", "不是十六进制编号", "not a hexadecimal id");
                        return Err(self.refuse(&said(), rule, label("请复制完整编号", "copy the whole id")));
                    }
                }
            }
            Type::Lines(_) => {
                let rule = Rule::new("table_at_once", "明细不能整体输入", "a table cannot be typed at once");
                return Err(self.refuse(&said(), rule, label("请逐行填写", "fill it in line by line")));
            }
        };
        self.check(&value)?;
        Ok(value)
    }

    fn parse_text(&self, text: &str) -> Result<String, Box<Refusal>> {
        let value = || Value::Text(text.to_owned());
        Ok(match self.format {
            Format::ResidentId => {
                let id: ResidentId = text.parse().map_err(|e| self.refuse_resident(&value(), e))?;
                id.as_str().to_owned()
            }
            Format::CreditCode => {
                let code: CreditCode = text.parse().map_err(|e| self.refuse_credit(&value(), e))?;
                code.as_str().to_owned()
            }
            Format::Phone => {
                let plain: String = text
                    .chars()
                    .filter(|c| !c.is_whitespace())
                    .map(|c| if matches!(c, '—' | '–' | '‐') { '-' } else { c })
                    .collect();
                plain.strip_prefix("+86").map(|p| p.trim_start_matches('-').to_owned()).unwrap_or(plain)
            }
            _ => text.to_owned(),
        })
    }

    fn parse_number(&self, text: &str) -> Result<i64, Refusal> {
        let value = Value::Text(text.to_owned());
        match self.format {
            Format::Date => {
                text.parse::<Day>().map(|d| i64::from(d.0)).map_err(|e| self.refuse_period(&value, e, "2026-03-31"))
            }
            Format::Month => {
                text.parse::<Month>().map(|m| i64::from(m.0)).map_err(|e| self.refuse_period(&value, e, "2026-03"))
            }
            Format::Fen => text.parse::<Fen>().map(|f| f.0).map_err(|e| self.refuse_money(&value, e)),
            Format::Percent => {
                let text = text.strip_suffix('%').unwrap_or(text).trim();
                decimal(text, 2).map_err(|e| self.refuse_money(&value, e))
            }
            Format::Region | Format::Union => self.parse_region(text),
            Format::Year => self.plain_number(text.strip_suffix('年').unwrap_or(text)),
            Format::Instant => parse_instant(text).ok_or_else(|| {
                self.refuse(
                    &value,
                    Rule::new("not_a_time", "不是日期和时间", "not a date and time"),
                    label("请按 2026-03-31 14:05 填写", "write it as 2026-03-31 14:05"),
                )
            }),
            _ => self.plain_number(text),
        }
    }

    fn plain_number(&self, text: &str) -> Result<i64, Refusal> {
        let (digits, sign) = match text.strip_prefix(['-', '−']) {
            Some(rest) => (rest, -1),
            None => (text, 1),
        };
        decimal(digits, 0).map(|n| n * sign).map_err(|_| {
            let rule = Rule::new("not_whole", "不是整数", "not a whole number");
            self.refuse(&Value::Text(text.to_owned()), rule, label("请填整数", "type a whole number"))
        })
    }

    /// A code, a code with its name as it is shown, or a name that only one region has.
    fn parse_region(&self, text: &str) -> Result<i64, Refusal> {
        let is_code = |c: &char| c.is_ascii_digit() || *c == '-';
        let digits: String = text.chars().filter(is_code).collect();
        let beside: String = text.chars().filter(|c| !is_code(c) && !" （）()".contains(*c)).collect();
        let found = match UnionNumber::named(text) {
            Some(code) => Ok(code),
            None => digits.parse::<UnionNumber>(),
        };
        // A code with another name beside it is no answer to which of the two is meant.
        let found = found.and_then(|code| {
            let named = beside.is_empty() || beside == code.name() || beside == code.union_name();
            if digits.is_empty() || named { Ok(code) } else { Err(UnionError::Form) }
        });
        found.map(i64::from).map_err(|e| self.refuse_region(&Value::Text(text.to_owned()), e))
    }

    /// A personal text, as a list of another union's people shows it.
    pub fn shortened(&self, text: &str) -> String {
        shortened(self.format, text)
    }

    /// As a person reads it, on one line and safe to show (`shown`). A sealed value shows its last four characters, or nothing once it is sealed.
    pub fn show(&self, value: &Value, lang: Lang) -> String {
        match value {
            Value::Text(text) if self.sealed() => shown::line(&masked(text)).into_owned(),
            Value::Bytes(_) if self.sealed() => "****".to_owned(),
            Value::Text(text) => shown::line(text).into_owned(),
            Value::Bool(flag) => match flag {
                true => lang.pick("是", "yes").to_owned(),
                false => lang.pick("否", "no").to_owned(),
            },
            Value::Bytes(bytes) => hex(bytes),
            Value::Lines(lines) => match lines.len() {
                1 => lang.pick("1行", "1 line").to_owned(),
                n => lang.pick("{}行", "{} lines").replace("{}", &n.to_string()),
            },
            Value::Int(n) => self.show_number(*n, lang),
        }
    }

    fn show_number(&self, n: i64, lang: Lang) -> String {
        match (&self.ty, self.format) {
            (Type::Choice(_), _) => self.choice(n).map_or_else(|| n.to_string(), |c| c.label.get(lang).to_owned()),
            (Type::Choices(choices), _) => {
                let chosen = choices.iter().filter(|c| n >> c.number & 1 == 1).map(|c| c.label.get(lang));
                chosen.collect::<Vec<_>>().join(lang.pick("、", ", "))
            }
            (_, Format::Date) => i32::try_from(n).map_or_else(|_| n.to_string(), |d| Day(d).to_string()),
            (_, Format::Month) => i32::try_from(n).map_or_else(|_| n.to_string(), |m| Month(m).to_string()),
            (_, Format::Fen) => Fen(n).to_string(),
            (_, Format::Percent) => {
                let (sign, n) = (if n < 0 { "-" } else { "" }, n.unsigned_abs());
                match n % 100 {
                    0 => format!("{sign}{}", n / 100),
                    part => format!("{sign}{}.{part:02}", n / 100).trim_end_matches('0').to_owned(),
                }
            }
            (_, Format::Region | Format::Union) => match UnionNumber::try_from(n) {
                Ok(code) => format!("{}（{code}）", code.name()),
                Err(_) => n.to_string(),
            },
            (_, Format::Instant) => show_instant(n),
            _ => n.to_string(),
        }
    }

    /// As `show`, short enough to stand in a sentence.
    pub(crate) fn show_briefly(&self, value: &Value) -> String {
        let shown = self.show(value, Lang::Zh);
        match shown.char_indices().nth(40) {
            Some((at, _)) => format!("{}…", &shown[..at]),
            None => shown,
        }
    }

    fn look_again(&self) -> Label {
        label("请核对后重新输入", "check it and type it again")
    }

    fn offer(&self, choices: &[Choice]) -> Label {
        let listed = |lang: Lang| {
            let all: Vec<&str> = choices.iter().map(|c| c.label.get(lang)).collect();
            all.join(lang.pick("、", ", "))
        };
        label(format!("可选：{}", listed(Lang::Zh)), format!("choose from: {}", listed(Lang::En)))
    }

    fn refuse_resident(&self, value: &Value, error: ResidentIdError) -> Refusal {
        let rule = match error {
            ResidentIdError::Form => {
                Rule::new("identity_number_form", "不是18位身份证号", "not 18 characters of an identity number")
            }
            ResidentIdError::Province => {
                Rule::new("identity_number_province", "前两位不是省份代码", "the first two digits are no province")
            }
            ResidentIdError::Born => {
                Rule::new("identity_number_born", "出生日期不存在", "the birth date in it does not exist")
            }
            ResidentIdError::Check => {
                Rule::new("identity_number_check", "校验码不对（GB 11643）", "the check character is wrong (GB 11643)")
            }
        };
        self.refuse(value, rule, label("请核对证件后重新输入", "compare it with the card and type it again"))
    }

    fn refuse_credit(&self, value: &Value, error: CreditCodeError) -> Refusal {
        let rule = match error {
            CreditCodeError::Form => {
                Rule::new("credit_code_form", "不是18位统一社会信用代码", "not 18 characters of a credit code")
            }
            CreditCodeError::Check => {
                Rule::new("credit_code_check", "校验码不对（GB 32100）", "the check character is wrong (GB 32100)")
            }
        };
        self.refuse(value, rule, label("请核对证照后重新输入", "compare it with the licence and type it again"))
    }

    fn warn_ident(&self, value: &Value, warning: IdentWarning) -> Warning {
        let (rule, remedy) = match warning {
            IdentWarning::Address => (
                Rule::new("address_code", "地址代码不在现行区划表中", "its address code is not in today's table"),
                label("可能是已撤销的代码，请核对", "it may have been abolished; please check"),
            ),
            IdentWarning::Legacy => (
                Rule::new("old_identity_number", "由15位旧号补全", "completed from the old 15-digit form"),
                label("请核对新证件", "compare it with the new card"),
            ),
            IdentWarning::LastCharacter => (
                Rule::new(
                    "credit_code_last",
                    "末位校验码不对（GB 32100）",
                    "the last check character is wrong (GB 32100)",
                ),
                label("个别早期代码如此，请留存证照影像", "some early codes are so; keep an image of the licence"),
            ),
            IdentWarning::Organisation => (
                Rule::new(
                    "organisation_code",
                    "组织机构代码校验位不对（GB 11714）",
                    "the organisation code inside fails its check (GB 11714)",
                ),
                label("请核对证照", "compare it with the licence"),
            ),
        };
        self.warn(value, rule, remedy)
    }

    fn refuse_region(&self, value: &Value, error: UnionError) -> Refusal {
        let union = self.format == Format::Union;
        let rule = match error {
            UnionError::Form if union => Rule::new("not_a_union_number", "不是工会编号", "not a union's number"),
            UnionError::Form => Rule::new("not_a_region_code", "不是六位区划代码", "not a six-digit region code"),
            UnionError::Unknown(_) => {
                Rule::new("unknown_region", "区划表中没有这个代码", "this code is not in the table of regions")
            }
            UnionError::NoUnion(_) => {
                Rule::new("no_union_there", "此处没有工会", "there is no union of this federation there")
            }
        };
        let remedy = match union {
            true => label(
                "请填工会编号，如320922或320922-001，或填名称",
                "type the union's number, such as 320922 or 320922-001, or its name",
            ),
            false => label("请填六位区划代码，如320922", "type six digits, such as 320922"),
        };
        self.refuse(value, rule, remedy)
    }

    fn refuse_period(&self, value: &Value, error: PeriodError, example: &str) -> Refusal {
        let rule = match error {
            PeriodError::Form => Rule::new("date_form", "日期写法不对", "not written as a date"),
            PeriodError::Calendar => Rule::new("no_such_day", "日历上没有这一天", "no such day in the calendar"),
        };
        self.refuse(value, rule, label(format!("请按 {example} 填写"), format!("write it as {example}")))
    }

    fn refuse_money(&self, value: &Value, error: MoneyError) -> Refusal {
        let rule = match error {
            MoneyError::NotANumber => Rule::new("not_a_number", "不是数字", "not a number"),
            MoneyError::TooPrecise => Rule::new("decimals", "小数超过两位", "more than two decimals"),
            MoneyError::Grouping => {
                Rule::new("thousands", "千位分隔符位置不对", "the commas do not separate thousands")
            }
            MoneyError::TooLarge => Rule::new("too_large", "数字太大", "too large"),
        };
        self.refuse(
            value,
            rule,
            label("请填数字，最多两位小数，如3000.50", "type a number with at most two decimals, such as 3000.50"),
        )
    }
}

/// Required fields, companions, then each value. Lazy, because the first refusal is often enough.
pub(crate) fn check_all<'a>(
    fields: &'a [Field],
    values: &'a [Option<Value>],
) -> impl Iterator<Item = Result<Warning, Refusal>> + 'a {
    let filled = |i: usize| match &values[i] {
        Some(Value::Bool(flag)) => *flag,
        Some(value) => !value.is_empty(),
        None => false,
    };
    fields.iter().enumerate().flat_map(move |(i, field)| {
        let mut found = vec![];
        let companion = field.with.map(|w| (filled(w), &fields[w]));
        match &values[i] {
            Some(value) if !value.is_empty() => {
                // Of two that need each other, the empty one says so.
                if let Some((false, other)) = companion
                    && filled(i)
                    && other.with != Some(i)
                {
                    found.push(Err(field.refuse_without(value, other)));
                }
                match field.check(value) {
                    Ok(warnings) => found.extend(warnings.into_iter().map(Ok)),
                    Err(refusal) => found.push(Err(refusal)),
                }
            }
            _ if field.required => found.push(Err(field.missing())),
            _ => {
                if let Some((true, other)) = companion {
                    found.push(Err(field.missing_with(other)));
                }
            }
        }
        found
    })
}

/// A personal text as it stands in a list: `张*`, `138****0001`.
fn shortened(format: Format, text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    match (format, characters.len()) {
        (Format::Phone, length @ 8..) => {
            let [first, last] = [&characters[..3], &characters[length - 4..]].map(String::from_iter);
            format!("{first}****{last}")
        }
        (Format::Phone, _) => "****".to_owned(),
        _ => characters.first().map(|first| format!("{first}*")).unwrap_or_default(),
    }
}

fn masked(text: &str) -> String {
    let characters = text.chars().count();
    // Of a short text the last four would be all of it.
    let last: String = if characters >= 8 { text.chars().skip(characters - 4).collect() } else { String::new() };
    format!("****{last}")
}

fn phone(text: &str) -> bool {
    let digits = |s: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit())
    };
    let parts: Vec<&str> = text.split('-').collect();
    match parts[..] {
        [n] if n.starts_with('1') => digits(n, 11..=11) && n.as_bytes()[1] >= b'3',
        [n] if n.starts_with('0') => digits(n, 10..=12),
        [n] => digits(n, 7..=8),
        [area @ ("400" | "800"), n] => digits(area, 3..=3) && digits(n, 7..=7),
        [area, n] if area.starts_with('0') => digits(area, 3..=4) && digits(n, 7..=8),
        [n, extension] => digits(n, 7..=8) && digits(extension, 1..=6),
        [area, n, extension] => {
            area.starts_with('0') && digits(area, 3..=4) && digits(n, 7..=8) && digits(extension, 1..=6)
        }
        _ => false,
    }
}

/// By label in either language, by the code or the words of a label such as `2a 购买岗位`, by name, or by number. A
/// number is not taken where labels carry codes of their own: 3 would not be the third.
fn choice<'a>(choices: &'a [Choice], typed: &str) -> Option<&'a Choice> {
    // As it stands on the form.
    if let Some(whole) = choices.iter().find(|c| c.label.zh == typed || c.label.en == typed) {
        return Some(whole);
    }
    let plain = |s: &str| s.nfkc().collect::<String>().to_lowercase();
    let typed = plain(typed);
    let coded = choices.iter().any(|c| c.label.zh.starts_with(|c: char| c.is_ascii_digit()));
    let parts = |label: &str| {
        let label = plain(label);
        match label.split_once(' ') {
            Some((code, words)) if coded || code.len() <= 2 => vec![code.to_owned(), words.to_owned(), label.clone()],
            _ => vec![label],
        }
    };
    let whole = choices.iter().find(|c| plain(&c.label.zh) == typed || plain(&c.label.en) == typed);
    let named = || choices.iter().find(|c| c.name.to_lowercase() == typed);
    let part = || {
        let mut found =
            choices.iter().filter(|c| parts(&c.label.zh).contains(&typed) || parts(&c.label.en).contains(&typed));
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    };
    let by_number = || {
        let number: i32 = typed.parse().ok().filter(|_| !coded)?;
        choices.iter().find(|c| c.number == number)
    };
    whole.or_else(named).or_else(part).or_else(by_number)
}

fn parse_instant(text: &str) -> Option<i64> {
    let (day, time) = text.split_once([' ', 'T'])?;
    let day: Day = day.parse().ok()?;
    let (hour, minute) = time.trim().split_once(':')?;
    let number = |s: &str, below: i64| s.parse::<i64>().ok().filter(|n| s.len() <= 2 && (0..below).contains(n));
    let minutes = number(hour, 24)? * 60 + number(minute, 60)?;
    Some(i64::from(day.0) * DAY_MILLIS + minutes * 60_000 - BEIJING_MILLIS)
}

fn show_instant(millis: i64) -> String {
    let Some(local) = millis.checked_add(BEIJING_MILLIS) else { return millis.to_string() };
    let Ok(day) = i32::try_from(local.div_euclid(DAY_MILLIS)) else { return millis.to_string() };
    let minutes = local.rem_euclid(DAY_MILLIS) / 60_000;
    format!("{} {:02}:{:02}", Day(day), minutes / 60, minutes % 60)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || text.len() % 2 == 1 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

/// Whether a number fits its field's width on the wire.
pub(crate) fn fits(n: i64, width: Width) -> bool {
    match width {
        Width::I32 => i32::try_from(n).is_ok(),
        Width::U32 => u32::try_from(n).is_ok(),
        Width::I64 | Width::U64 => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::{kind, kinds};
    use proptest::prelude::*;

    fn field(kind_name: &str, name: &str) -> &'static Field {
        let kind = kind(kind_name).expect("a kind of this test");
        &kind.fields[kind.field(name).expect("a field of this test")]
    }

    fn typed(kind: &str, name: &str, text: &str) -> Result<Value, String> {
        field(kind, name).parse(text).map_err(|r| r.say(Lang::Zh))
    }

    #[test]
    fn reads_what_a_clerk_types() {
        for (kind, name, text, value) in [
            ("mediator", "sex", "女", Value::Int(2)),
            ("mediator", "sex", "female", Value::Int(2)),
            ("mediator", "sex", "FEMALE", Value::Int(2)),
            ("mediator", "sex", "２", Value::Int(2)),
            ("mediator", "born", "1958年6月15日", Value::Int(-4218)),
            ("mediator", "retired", "是", Value::Bool(true)),
            ("mediator", "retired", "No", Value::Bool(false)),
            ("mediator", "skills", "劳动法律、财务", Value::Int(0b1010)),
            ("mediator", "skills", "wages, occupational safety", Value::Int(0b10_0100)),
            ("mediator", "phone", "１３８ ００１３ ８０００", Value::Text("13800138000".into())),
            ("mediator", "name", "  杨海好 ", Value::Text("杨海好".into())),
            ("mediator", "name", "\u{3000}杨海好\u{3000}", Value::Text("杨海好".into())),
            (
                "work_entry",
                "summary",
                "协商（第３轮），议题：工资；见Ａ４纸",
                Value::Text("协商（第3轮），议题：工资；见A4纸".into()),
            ),
            ("mediator", "skills", "劳动法律，财务", Value::Int(0b1010)),
            ("engagement", "channel", "3a 购买服务：承接任务", Value::Int(4)),
            ("engagement", "channel", "３a 购买服务:承接任务", Value::Int(4)),
            ("union", "form", "乡镇(街道)工会", Value::Int(1)),
            ("union", "form", "乡镇（街道）工会", Value::Int(1)),
            ("enterprise", "region", "滨海县(320922)", Value::Int(320_922)),
            ("mediator", "id_no", "11010519491231002x", Value::Text("11010519491231002X".into())),
            ("engagement", "monthly_pay", "3,000", Value::Int(300_000)),
            ("engagement", "channel", "2a", Value::Int(2)),
            ("engagement", "channel", "购买岗位", Value::Int(2)),
            ("engagement", "channel", "2a 购买岗位", Value::Int(2)),
            ("payer_share", "share", "33.33%", Value::Int(3333)),
            ("expenditure", "service_month", "2026年3月", Value::Int(2026 * 12 + 2)),
            ("expenditure", "year", "2026年", Value::Int(2026)),
            ("enterprise", "region", "滨海县", Value::Int(320_922)),
            ("enterprise", "region", "滨海县（320922）", Value::Int(320_922)),
            ("enterprise", "region", "320922 滨海县总工会", Value::Int(320_922)),
            ("work_entry", "guided", "-1", Value::Int(-1)),
            (
                "work_entry",
                "corrects",
                "00112233-4455-6677-8899-aabbccddeeff",
                Value::Bytes((0..16).map(|i| i * 17).collect()),
            ),
        ] {
            assert_eq!(typed(kind, name, text), Ok(value), "{kind}.{name} {text}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do_and_hides_what_is_sealed() {
        assert_eq!(
            typed("mediator", "id_no", "110105194912310021"),
            Err("身份证号“****0021”：校验码不对（GB 11643）。请核对证件后重新输入。".into())
        );
        assert_eq!(typed("mediator", "sex", "不详"), Err("性别“不详”：没有这个选项。可选：男、女。".into()));
        for (kind, name, text) in [
            ("engagement", "channel", "3"),
            ("engagement", "monthly_pay", "-1"),
            ("enterprise", "region", "鼓楼区"),
            ("enterprise", "region", "320922x"),
            ("enterprise", "region", "320922阜宁县"),
            ("work_entry", "summary", "甲\u{202e}乙"),
            ("work_entry", "summary", "甲\u{0}乙"),
            ("mediator", "name", "甲\n乙"),
            ("mediator", "phone", "12345"),
            ("rating", "items", "1"),
            ("mediator", "born", "2026-02-29"),
            ("mediator", "name", " "),
        ] {
            assert!(typed(kind, name, text).is_err(), "{kind}.{name}");
        }
        assert!(typed("work_entry", "summary", "甲\r\n乙").is_ok(), "long texts have lines");
    }

    #[test]
    fn shown_as_written() {
        let show = |kind: &str, name: &str, value: Value, lang| field(kind, name).show(&value, lang);
        assert_eq!(show("mediator", "id_no", Value::Text("11010519491231002X".into()), Lang::Zh), "****002X");
        assert_eq!(show("mediator", "id_no", Value::Bytes(vec![1; 80]), Lang::Zh), "****");
        assert_eq!(show("mediator", "skills", Value::Int(0b1010), Lang::En), "labour law, finance");
        assert_eq!(show("payer_share", "share", Value::Int(3330), Lang::Zh), "33.3");
        assert_eq!(show("rating", "items", Value::Lines(vec![vec![]]), Lang::En), "1 line");
        assert_eq!(show_instant(1_774_936_800_000), "2026-03-31 14:00");
        assert_eq!(parse_instant("2026-03-31 14:00"), Some(1_774_936_800_000));
    }

    #[test]
    fn a_sealed_box_stands_for_its_text() {
        let id_no = field("mediator", "id_no");
        assert!(id_no.check(&Value::Bytes(vec![1; 256])).is_ok());
        assert!(id_no.check(&Value::Bytes(vec![1; 257])).is_err());
        assert!(field("mediator", "name").check(&Value::Bytes(vec![1])).is_err());
        assert!(id_no.check(&Value::Text("11010519491231002x".into())).is_err(), "stored in its standard form");
    }

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", Value::Text("杨海好".into())), "text of 9 bytes");
        assert_eq!(
            format!("{:?}", Value::Lines(vec![vec![Some(Value::Bytes(vec![7])), None]])),
            "[[Some(1 bytes), None]]"
        );
    }

    #[test]
    fn every_label_is_read_as_its_choice() {
        for field in kinds().iter().flat_map(|k| &k.fields).filter(|f| matches!(f.ty, Type::Choice(_))) {
            for c in field.choices() {
                for text in [&c.label.zh, &c.label.en, &c.name] {
                    assert_eq!(field.parse(text).ok(), Some(Value::Int(c.number.into())), "{} {text}", field.name);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn never_panics(typed in "\\PC*", at in 0usize..1000, n: i64, text in ".*") {
            let fields: Vec<&Field> = kinds().iter().flat_map(|k| &k.fields).collect();
            let field = fields[at % fields.len()];
            let _ = field.parse(&typed);
            for value in [Value::Int(n), Value::Text(text), Value::Bool(n > 0), Value::Lines(vec![vec![Some(Value::Int(n))]])] {
                let _ = (field.check(&value), field.show(&value, Lang::Zh), field.show(&value, Lang::En));
            }
        }

        #[test]
        fn what_is_shown_can_be_typed(at in 0usize..1000, n: i64) {
            let fields: Vec<&Field> = kinds().iter().flat_map(|k| &k.fields).filter(|f| matches!(f.ty, Type::Int)).collect();
            let field = fields[at % fields.len()];
            let (min, max) = (field.min.unwrap_or(0), field.max.unwrap_or(0));
            let value = Value::Int(min + n.rem_euclid(max - min + 1));
            if !matches!(field.format, Format::Region | Format::Union) && field.check(&value).is_ok() {
                let shown = field.show(&value, Lang::Zh);
                prop_assert_eq!(field.parse(&shown).ok(), Some(value), "{} {}", field.name, shown);
            }
        }
    }
}
