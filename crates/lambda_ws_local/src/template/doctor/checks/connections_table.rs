//! The table of connections: string keys `pk` and `sk`, and items that expire by `exp`.

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::{CONNECTIONS_TABLE, DoctorInput, Unknown};
use crate::template::resources::Table;
use crate::template::transform::Resource;

const KEYS: [(&str, &str); 2] = [("pk", "HASH"), ("sk", "RANGE")];
const EXPIRY: &str = "exp";

/// Whether the function has the name of its table.
pub(super) fn variable(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for function in input.library_functions() {
        let resource = function.resource;
        let location = DoctorInput::location_of_variable(resource, CONNECTIONS_TABLE);
        let fix = format!("write `{CONNECTIONS_TABLE}: !Ref {}`", example(input));
        let variable = match input.variable(resource, CONNECTIONS_TABLE) {
            Ok(Some(variable)) => variable,
            Ok(None) => {
                let what = format!(
                    "function `{}` has no variable `{CONNECTIONS_TABLE}`",
                    resource.id
                );
                found.push(
                    Finding::mistake(location, what)
                        .effect(
                            "the function exits when it starts, and every handshake fails with 502",
                        )
                        .fix(fix),
                );
                continue;
            }
            Err(Unknown) => continue,
        };
        // A name from a parameter or another stack may well exist.
        let Some(name) = variable.value.as_text() else {
            continue;
        };
        let is_named = |table: &Table| {
            let resource = input.resource(&table.logical_id);
            resource.is_some_and(|one| one.properties.entry("TableName").is_some())
        };
        let mut tables = input.tables.iter();
        if tables.any(|table| table.logical_id == name && !is_named(table)) {
            let what = format!(
                "`{CONNECTIONS_TABLE}` is `{name}`, a logical id and not the name of the table"
            );
            found.push(
                Finding::mistake(location, what)
                    .effect("DynamoDB does not find the table, and every handshake fails")
                    .fix(fix),
            );
            continue;
        }
        let mut tables = input.tables.iter();
        let may_be = |table: &Table| {
            table.name == name || !input.has_known_name(&table.logical_id, "TableName")
        };
        if !tables.any(may_be) {
            let what = format!(
                "`{CONNECTIONS_TABLE}` is `{name}`, and no table of the template has that name"
            );
            found.push(
                Finding::remark(location, what)
                    .effect("every handshake fails if the table does not exist")
                    .fix(fix),
            );
        }
    }
    found
}

/// A table to refer to.
fn example(input: &DoctorInput<'_>) -> String {
    let table = input
        .tables
        .iter()
        .find(|table| keys_of(table) == KEYS.map(|(name, _)| name));
    table
        .or(input.tables.first())
        .map_or("Connections".to_owned(), |table| table.logical_id.clone())
}

fn keys_of(table: &Table) -> Vec<&str> {
    let schema = table.create["KeySchema"].as_array();
    let names = schema
        .into_iter()
        .flatten()
        .filter_map(|key| key["AttributeName"].as_str());
    names.collect()
}

/// The tables of connections, each once.
fn tables<'t>(input: &'t DoctorInput<'_>) -> Vec<(&'t Table, &'t Resource)> {
    let mut tables: Vec<(&Table, &Resource)> = Vec::new();
    for function in input.library_functions() {
        if let Some(table) = input.connections_table(&function)
            && let Some(resource) = input.resource(&table.logical_id)
            && tables.iter().all(|(other, _)| other.name != table.name)
        {
            tables.push((table, resource));
        }
    }
    tables
}

/// Whether its keys are those of the library.
pub(super) fn keys(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (table, resource) in tables(input) {
        let schema = |name: &str, of: &str| {
            let list = table.create[of].as_array();
            let mut list = list.into_iter().flatten();
            list.find(|one| one["AttributeName"] == name).cloned()
        };
        let right = keys_of(table).len() == KEYS.len()
            && KEYS.into_iter().all(|(name, kind)| {
                schema(name, "KeySchema").is_some_and(|key| key["KeyType"] == kind)
                    && schema(name, "AttributeDefinitions")
                        .is_some_and(|one| one["AttributeType"] == "S")
            });
        if !right {
            let what = format!(
                "the keys of table `{}` are not the strings `pk` and `sk`",
                table.logical_id
            );
            let fix = match resource.resource_type.starts_with("AWS::Serverless::") {
                true => {
                    "make it an `AWS::DynamoDB::Table` with `pk` (S) as HASH and `sk` (S) as RANGE key"
                }
                false => {
                    "declare `pk` and `sk` with `AttributeType: S`, `pk` as HASH and `sk` as RANGE key"
                }
            };
            found.push(
                Finding::mistake(Location::of(resource, &["KeySchema"]), what)
                    .effect("DynamoDB rejects every item, and every handshake fails")
                    .fix(fix),
            );
        }
    }
    found
}

/// Whether its items expire.
pub(super) fn time_to_live(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (table, resource) in tables(input) {
        let what = match table.ttl_attribute.as_deref() {
            Some(EXPIRY) => continue,
            Some(other) => format!(
                "items of table `{}` expire by `{other}`, not by `{EXPIRY}`",
                table.logical_id
            ),
            None => format!("items of table `{}` never expire", table.logical_id),
        };
        let location = Location::of(resource, &["TimeToLiveSpecification", "AttributeName"]);
        found.push(
            Finding::remark(location, what)
                .effect("connections without a `$disconnect` remain forever, and rooms become slow and expensive")
                .fix(format!(
                    "write `TimeToLiveSpecification: {{ AttributeName: {EXPIRY}, Enabled: true }}`"
                )),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{SAM, all, broken, finds, is_right, without};

    const VARIABLE: &str = "          CONNECTIONS_TABLE: !Ref Connections\n";

    #[test]
    fn the_function_is_told_of_its_table() {
        let finding = finds(&without(SAM, VARIABLE), "connections-table");
        assert_eq!(finding.fix, "write `CONNECTIONS_TABLE: !Ref Connections`");
        for (name, said) in [
            ("chat", "no table of the template"),
            ("Connections", "not the name of the table"),
        ] {
            let text = broken(
                SAM,
                "CONNECTIONS_TABLE: !Ref Connections",
                &format!("CONNECTIONS_TABLE: {name}"),
            );
            assert!(finds(&text, "connections-table").what.contains(said));
        }
        let named = broken(
            SAM,
            "      BillingMode",
            "      TableName: chat\n      BillingMode",
        );
        is_right(&broken(
            &named,
            VARIABLE,
            "          CONNECTIONS_TABLE: chat\n",
        ));
    }

    #[test]
    fn a_table_from_elsewhere_is_not_judged() {
        for elsewhere in ["!ImportValue Table", "!Ref TableName"] {
            let text = broken(
                SAM,
                "CONNECTIONS_TABLE: !Ref Connections",
                &format!("CONNECTIONS_TABLE: {elsewhere}"),
            );
            is_right(&broken(
                &text,
                "Resources:\n",
                "Parameters:\n  TableName: { Type: String }\nResources:\n",
            ));
        }
    }

    #[test]
    fn its_keys_are_the_strings_pk_and_sk() {
        for (from, to) in [
            (
                "AttributeName: sk, KeyType: RANGE",
                "AttributeName: pk, KeyType: RANGE",
            ),
            (
                "AttributeName: pk, AttributeType: S",
                "AttributeName: pk, AttributeType: N",
            ),
            ("        - { AttributeName: sk, KeyType: RANGE }\n", ""),
        ] {
            finds(&broken(SAM, from, to), "table-keys");
        }
    }

    #[test]
    fn its_items_end_by_exp() {
        let right = "TimeToLiveSpecification: { AttributeName: exp, Enabled: true }";
        for wrong in [
            "TableClass: STANDARD",
            "TimeToLiveSpecification: { AttributeName: ttl, Enabled: true }",
            "TimeToLiveSpecification: { AttributeName: exp, Enabled: false }",
        ] {
            let found = finds(&broken(SAM, right, wrong), "table-ttl");
            assert!(found.fix.contains(right), "{found:?}");
        }
        assert!(all(SAM).is_empty());
    }
}
