//! An expenditure: what cannot be true of it, and what it adds, by category.

use super::*;
use crate::{
    handle::View,
    measure::{BALANCE, Measure, Nature, Parts, Unit},
    room::Room,
    rules::{CHECK, Rule, Verdict},
    union::UnionNumber,
    v1::{Expenditure, ExpenditureCategory},
};

pub mod measures {
    pub const SPENT: u32 = 44;
    /// Spent by category: this number and the category's.
    pub const SPENT_ON: u32 = 60;
}

impl Room for Expenditure {
    fn measures() -> Vec<Measure> {
        let fen = |number, name: &str, zh: &str, en: &str| {
            Measure::of::<Expenditure>(number, name, (zh, en), Nature::Flow, Unit::Fen)
        };
        let mut all = vec![fen(measures::SPENT, "spent", "支出合计", "spent")];
        all.extend(CATEGORY.declared().choices().iter().map(|choice| {
            let (zh, en) = (format!("支出：{}", choice.label.zh), format!("spent on {}", choice.label.en));
            let name = format!("spent_{}", choice.name.to_lowercase());
            fen(measures::SPENT_ON + choice.number.unsigned_abs(), &name, &zh, &en)
        }));
        all
    }

    fn adds(record: View<'_, Expenditure>, _: UnionNumber, parts: &mut Parts) {
        let (on, amount) = (record.get(PAID_ON), record.number(AMOUNT).map(i128::from));
        parts.add(measures::SPENT, on, amount);
        if let Some(category) = record.get(CATEGORY).and_then(|category| u32::try_from(category).ok()) {
            parts.add(measures::SPENT_ON + category, on, amount);
        }
        parts.add(BALANCE, on, amount.map(|n| -n));
    }

    fn rules(v: &mut Verdict<'_, Expenditure>) {
        v.reversal(AMOUNT, REVERSES);
        let r = v.record;
        v.refuse_if(
            !r.has(PAYEE_MEDIATOR) && r.get(PAYEE_NAME).is_none(),
            PAYEE_NAME,
            Rule::new("no_payee", "没有收款方", "there is no payee"),
            ("请选择指导员或填写收款单位", "choose a mediator or fill in a supplier"),
        );
        v.refuse_if(
            r.get(PAYEE_USCC).is_some() && r.get(PAYEE_NAME).is_none(),
            PAYEE_USCC,
            Rule::new("code_without_name", "没有收款单位名称", "there is no name to this code"),
            ("请填收款单位", "fill in the supplier"),
        );
        v.refuse_if(
            r.is(CATEGORY, ExpenditureCategory::Pay) && r.number(SERVICE_MONTH).is_none(),
            SERVICE_MONTH,
            Rule::new("pay_without_month", "薪酬或补贴须填所属月份", "pay is for a month"),
            ("请填写", "fill it in"),
        );
        v.refuse_if(
            r.get(INVOICE_CODE).is_some() && r.get(INVOICE_NO).is_none(),
            INVOICE_CODE,
            Rule::new("no_invoice_number", "没有发票号码", "there is no invoice number"),
            ("请填发票号码", "fill in the number"),
        );
        let above = r.get(AMOUNT).zip(r.get(INVOICE_TOTAL)).is_some_and(|(amount, total)| amount > total);
        v.warn_if(above, AMOUNT, Rule::new("more_than_invoice", "高于发票金额", "more than the invoice"), CHECK);
    }
}
