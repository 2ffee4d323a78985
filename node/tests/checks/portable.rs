//! The checks' SQL is what SQLite and PostgreSQL both read, and calls nothing that one of them lacks.

use std::{collections::BTreeSet, ops::ControlFlow};

use huiliu_node::{
    check::{checks, setting::FIRST, settings},
    store::functions,
};
use sqlparser::{
    ast::{Expr, visit_expressions},
    dialect::PostgreSqlDialect,
    parser::Parser,
};

use crate::{
    dump::filled,
    hub::{Hub, NATION, number},
};

/// Both have these, and they mean the same: aggregates, windows, and a few on texts and on what is missing.
const COMMON: [&str; 11] =
    ["count", "sum", "min", "max", "coalesce", "nullif", "row_number", "lag", "first_value", "length", "replace"];

#[test]
fn every_query_is_postgresqls_too() {
    let hub = Hub::new();
    let known: BTreeSet<&str> = COMMON.into_iter().chain(functions::NAMES).collect();
    for check in checks() {
        for query in check.queries(&settings(&hub.conn.0, check, number(NATION)).unwrap()) {
            let query = filled(&query, number(NATION), FIRST);
            let parsed = Parser::parse_sql(&PostgreSqlDialect {}, &query);
            let parsed = parsed.unwrap_or_else(|error| panic!("{}: {error}\n{query}", check.id));
            let strange = visit_expressions(&parsed, |expr| match expr {
                Expr::Function(call) if !known.contains(call.name.to_string().to_lowercase().as_str()) => {
                    ControlFlow::Break(call.name.to_string())
                }
                // SQLite reads a text in double quotes, a `==` and a number as a condition, and has other casts.
                Expr::Cast { .. } | Expr::Like { any: true, .. } => ControlFlow::Break(expr.to_string()),
                _ => ControlFlow::Continue(()),
            });
            assert_eq!(strange, ControlFlow::Continue(()), "{}", check.id);
            for word in ["iif(", "json_", "hex(", "group_concat", "string_agg", "||  '", "IFNULL", "GLOB"] {
                assert!(!query.contains(word), "{}: {word}", check.id);
            }
        }
    }
}
