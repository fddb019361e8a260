//! The connections table: its keys are strings, and its items expire. The function's environment may name the attributes.

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::{CONNECTIONS_TABLE, DoctorInput, TABLE_ATTRIBUTES};
use crate::template::resources::Table;
use crate::template::transform::Resource;
use lambda_ws_protocol::table_layout::{BadAttributes, KEYS, TableAttributes};

/// Whether the functions have the variables with the name of their table and of its attributes.
pub(super) fn variable(input: &DoctorInput<'_>) -> Vec<Finding> {
    let functions = input.library_functions();
    functions
        .flat_map(|function| {
            let table = wrong_variable(input, function.resource);
            table
                .into_iter()
                .chain(wrong_attributes(input, function.resource))
        })
        .collect()
}

fn wrong_attributes(input: &DoctorInput<'_>, function: &Resource) -> Option<Finding> {
    let error = attributes(input, function)?.err()?;
    let location = DoctorInput::location_of_variable(function, TABLE_ATTRIBUTES);
    let what = format!("`{TABLE_ATTRIBUTES}` is not valid: {error}");
    let finding = Finding::mistake(location, what)
        .effect("the function exits when it starts, and every handshake fails with 502")
        .fix("write the names of the partition key, the sort key and the TTL attribute, such as `PK,SK,ttl`");
    Some(finding)
}

/// Returns the names that the library uses in a function. Returns `None` if only AWS knows them.
fn attributes(
    input: &DoctorInput<'_>,
    function: &Resource,
) -> Option<Result<TableAttributes, BadAttributes>> {
    match input.variable(function, TABLE_ATTRIBUTES).ok()? {
        Some(variable) => match &*input.evaluator.text(&variable.value).ok()? {
            "" => Some(Ok(TableAttributes::default())),
            names => Some(names.parse()),
        },
        None => Some(Ok(TableAttributes::default())),
    }
}

fn wrong_variable(input: &DoctorInput<'_>, function: &Resource) -> Option<Finding> {
    let location = DoctorInput::location_of_variable(function, CONNECTIONS_TABLE);
    let fix = format!("write `{CONNECTIONS_TABLE}: !Ref {}`", example(input));
    let cdk_fix =
        format!("write `{CONNECTIONS_TABLE}: table.tableName` in the environment of the function");
    let Some(variable) = input.variable(function, CONNECTIONS_TABLE).ok()? else {
        let id = &function.id;
        let what = format!("function `{id}` has no variable `{CONNECTIONS_TABLE}`");
        let effect = "the function exits when it starts, and every handshake fails with 502";
        return Some(
            Finding::mistake(location, what)
                .effect(effect)
                .fix(fix)
                .cdk_fix(cdk_fix),
        );
    };
    // The table of a parameter or another stack may exist.
    let name = variable.value.as_text()?;
    let is_logical_id = |table: &Table| {
        let resource = input.resource(&table.logical_id);
        let is_named = resource.is_some_and(|one| one.properties.entry("TableName").is_some());
        table.logical_id == name && !is_named
    };
    if input.tables.iter().any(is_logical_id) {
        let what = format!(
            "`{CONNECTIONS_TABLE}` is `{name}`, which is a logical id and not the name of the table"
        );
        let effect = "DynamoDB does not find the table, and every handshake fails";
        return Some(
            Finding::mistake(location, what)
                .effect(effect)
                .fix(fix)
                .cdk_fix(cdk_fix),
        );
    }
    let may_be =
        |table: &Table| table.name == name || !input.has_known_name(&table.logical_id, "TableName");
    if input.tables.iter().any(may_be) {
        return None;
    }
    let what =
        format!("`{CONNECTIONS_TABLE}` is `{name}`, and no table of the template has this name");
    let effect = "every handshake fails if the table does not exist";
    Some(
        Finding::remark(location, what)
            .effect(effect)
            .fix(fix)
            .cdk_fix(cdk_fix),
    )
}

/// Returns a table for the reference in a fix.
fn example<'d>(input: &'d DoctorInput<'_>) -> &'d str {
    let mut tables = input.tables.iter();
    let table = tables.find(|table| keys_of(table) == KEYS);
    let table = table.or(input.tables.first());
    table.map_or("Connections", |table| &table.logical_id)
}

fn keys_of(table: &Table) -> Vec<&str> {
    let schema = table.create["KeySchema"].as_array().into_iter().flatten();
    schema
        .filter_map(|key| key["AttributeName"].as_str())
        .collect()
}

/// A table that a function stores connections in.
struct Used<'t> {
    table: &'t Table,
    resource: &'t Resource,
    /// The names that the function uses.
    attributes: TableAttributes,
}

/// Returns the connections tables without duplicates, if the names of their attributes are known and valid.
fn tables<'t>(input: &'t DoctorInput<'_>) -> Vec<Used<'t>> {
    let mut tables: Vec<Used<'_>> = Vec::new();
    for function in input.library_functions() {
        if let Some(table) = input.connections_table(&function)
            && let Some(resource) = input.resource(&table.logical_id)
            && let Some(Ok(attributes)) = attributes(input, function.resource)
            && tables
                .iter()
                .all(|used| used.table.name != table.name || used.attributes != attributes)
        {
            tables.push(Used {
                table,
                resource,
                attributes,
            });
        }
    }
    tables
}

/// Whether the tables have the keys that the functions use.
pub(super) fn keys(input: &DoctorInput<'_>) -> Vec<Finding> {
    let tables = tables(input).into_iter();
    let findings = tables.filter_map(|used| {
        let [pk, sk, _] = used.attributes.names();
        let keys = string_keys(used.table);
        if keys == Some([pk, sk]) {
            return None;
        }
        let id = &used.table.logical_id;
        let what = format!("the keys of table `{id}` are not the strings `{pk}` and `{sk}`");
        let mut cdk_fix = format!(
            "write `partitionKey: {{ name: '{pk}', type: AttributeType.STRING }}` and `sortKey: {{ name: '{sk}', type: \
             AttributeType.STRING }}`"
        );
        let fix = match keys {
            Some(_) => {
                let names = names_of(&used);
                cdk_fix += &format!(", or `{TABLE_ATTRIBUTES}: '{names}'` in the environment");
                format!(
                    "write `{TABLE_ATTRIBUTES}: {names}` in the environment of the function, or rename the keys"
                )
            }
            None if used.resource.resource_type.starts_with("AWS::Serverless::") => format!(
                "make it an `AWS::DynamoDB::Table` with `{pk}` (S) as HASH and `{sk}` (S) as RANGE key"
            ),
            None => format!(
                "declare `{pk}` and `{sk}` with `AttributeType: S`, `{pk}` as HASH and `{sk}` as RANGE key"
            ),
        };
        let location = Location::of(used.resource, &["KeySchema"]);
        let finding = Finding::mistake(location, what)
            .effect("DynamoDB rejects every item, and every handshake fails")
            .fix(fix)
            .cdk_fix(cdk_fix);
        Some(finding)
    });
    findings.collect()
}

/// Returns the names of the partition key and the sort key, if both are strings.
fn string_keys(table: &Table) -> Option<[&str; 2]> {
    let value = |list: &str, name: &str, property: &str| {
        let mut list = table.create[list].as_array().into_iter().flatten();
        let first = list.find(|one| one["AttributeName"] == name);
        first.and_then(|one| one[property].as_str())
    };
    let keys: [&str; 2] = keys_of(table).try_into().ok()?;
    let are_keys = std::iter::zip(keys, ["HASH", "RANGE"]).all(|(name, kind)| {
        value("KeySchema", name, "KeyType") == Some(kind)
            && value("AttributeDefinitions", name, "AttributeType") == Some("S")
    });
    are_keys.then_some(keys)
}

/// Returns the names of the attributes that the table has, in the form of the variable.
fn names_of(used: &Used<'_>) -> String {
    let keys = keys_of(used.table).join(",");
    let ttl = used.table.ttl_attribute.as_deref();
    format!("{keys},{}", ttl.unwrap_or(used.attributes.ttl()))
}

/// Whether the items of the tables expire.
pub(super) fn time_to_live(input: &DoctorInput<'_>) -> Vec<Finding> {
    let findings = tables(input).into_iter().filter_map(|used| {
        let id = &used.table.logical_id;
        let [pk, sk, ttl] = used.attributes.names();
        let mut fix = format!(
            "write `TimeToLiveSpecification: {{ AttributeName: {ttl}, Enabled: true }}`"
        );
        let what = match used.table.ttl_attribute.as_deref() {
            Some(name) if name == ttl => return None,
            Some(other) => {
                // The variable that fixes other keys also names the TTL attribute.
                let keys = string_keys(used.table)?;
                if keys != [pk, sk] {
                    return None;
                }
                fix += &format!(
                    ", or `{TABLE_ATTRIBUTES}: {}` in the environment of the function",
                    names_of(&used)
                );
                format!("items of table `{id}` expire by `{other}` instead of `{ttl}`")
            }
            None => format!("items of table `{id}` never expire"),
        };
        let location = Location::of(used.resource, &["TimeToLiveSpecification", "AttributeName"]);
        let finding = Finding::remark(location, what)
            .effect("connections without a `$disconnect` remain forever, and rooms become slow and expensive")
            .fix(fix)
            .cdk_fix(format!("write `timeToLiveAttribute: '{ttl}'`"));
        Some(finding)
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{SAM, all, broken, finds, is_right, without};

    const VARIABLE: &str = "          CONNECTIONS_TABLE: !Ref Connections\n";

    #[test]
    fn a_missing_or_wrong_table_variable_is_a_finding() {
        let finding = finds(&without(SAM, VARIABLE), "connections-table");
        assert_eq!(finding.fix, "write `CONNECTIONS_TABLE: !Ref Connections`");
        for (name, expected) in [
            ("chat", "no table of the template"),
            ("Connections", "not the name of the table"),
        ] {
            let to = format!("CONNECTIONS_TABLE: {name}");
            let text = broken(SAM, "CONNECTIONS_TABLE: !Ref Connections", &to);
            assert!(finds(&text, "connections-table").what.contains(expected));
        }
        let to = "      TableName: chat\n      BillingMode";
        let named = broken(SAM, "      BillingMode", to);
        let changed = broken(&named, VARIABLE, "          CONNECTIONS_TABLE: chat\n");
        is_right(&changed);
    }

    #[test]
    fn a_table_outside_the_template_is_not_examined() {
        for elsewhere in ["!ImportValue Table", "!Ref TableName"] {
            let to = format!("CONNECTIONS_TABLE: {elsewhere}");
            let text = broken(SAM, "CONNECTIONS_TABLE: !Ref Connections", &to);
            is_right(&broken(
                &text,
                "Resources:\n",
                "Parameters:\n  TableName: { Type: String }\nResources:\n",
            ));
        }
    }

    #[test]
    fn the_keys_must_be_the_strings_pk_and_sk() {
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
    fn items_must_expire_by_exp() {
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

    /// The template with a table whose attributes have other names.
    fn renamed() -> String {
        SAM.replace("AttributeName: pk", "AttributeName: PK")
            .replace("AttributeName: sk", "AttributeName: SK")
            .replace("AttributeName: exp", "AttributeName: ttl")
    }

    #[test]
    fn a_table_may_have_other_names_if_the_function_knows_them() {
        let found = all(&renamed());
        let [found] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(found.check, "table-keys");
        let fix = "write `CONNECTIONS_TABLE_ATTRIBUTES: PK,SK,ttl`";
        assert!(found.fix.starts_with(fix), "{found:?}");

        let with = |names: &str| {
            let to = format!("{VARIABLE}          CONNECTIONS_TABLE_ATTRIBUTES: {names}\n");
            renamed().replace(VARIABLE, &to)
        };
        is_right(&with("PK,SK,ttl"));
        let found = finds(&with("PK,SK,exp"), "table-ttl");
        assert!(
            found.what.contains("by `ttl` instead of `exp`"),
            "{found:?}"
        );
        let found = finds(&with("pk,sk,ttl"), "table-keys");
        assert!(found.what.contains("not the strings `pk` and `sk`"));
        let found = finds(&with("PK,SK"), "connections-table");
        assert!(found.what.contains("CONNECTIONS_TABLE_ATTRIBUTES"));
        is_right(&with("!ImportValue Names"));
    }
}
