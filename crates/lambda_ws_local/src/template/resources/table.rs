use crate::template::evaluate::json::json;
use crate::template::evaluate::{Evaluator, Properties, resource_names};
use crate::template::syntax::{Node, Problem};
use crate::template::transform::{Resource, resource_type};
use serde_json::{Map, Value, json};

/// A DynamoDB table of the template.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Table {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name on AWS: `TableName`, or the logical id. A logical id that is too short gets the stack's name as a
    /// prefix.
    pub name: String,
    /// The body of its `CreateTable` request.
    pub create: Value,
    /// The attribute with the expiry of an item, in seconds since 1970; `None` if items do not expire.
    pub ttl_attribute: Option<String>,
    /// Its line in the template, counted from 1.
    pub line: usize,
}

pub(crate) fn read(evaluator: &Evaluator<'_>) -> Vec<Table> {
    let tables = evaluator.resources.iter().filter(|resource| {
        matches!(
            &*resource.resource_type,
            resource_type::SAM_TABLE | resource_type::TABLE | resource_type::GLOBAL_TABLE
        )
    });
    let tables: Vec<Table> = tables
        .filter_map(|resource| evaluator.report.ok(table(evaluator, resource)))
        .collect();
    for (index, table) in tables.iter().enumerate() {
        if let Some(first) = tables[..index]
            .iter()
            .find(|first| first.name == table.name && !evaluator.may_be_absent(&first.logical_id))
        {
            let text = format!(
                "table `{}` has the name `{}`, which the table on line {} already has",
                table.logical_id, table.name, first.line
            );
            evaluator.report.problem(Problem::new(table.line, text));
        }
    }
    tables
}

fn table(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<Table, Problem> {
    let properties = Properties::of(evaluator, resource, "table")?;
    let name = resource_names::table(evaluator, resource)?;
    let valid = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    if !(resource_names::MIN_TABLE_NAME..=255).contains(&name.len()) || !name.chars().all(valid) {
        let text = format!(
            "the name `{name}` of table `{}` is not valid: expected 3 to 255 of A-Z, a-z, 0-9, `_`, `-` and `.`",
            resource.id
        );
        return Err(properties.problem("TableName", text));
    }
    let mut create = Map::new();
    create.insert("TableName".into(), json!(name));
    match &*resource.resource_type {
        resource_type::SAM_TABLE => simple(&properties, &mut create)?,
        kind => full(
            evaluator,
            &properties,
            kind == resource_type::TABLE,
            &mut create,
        )?,
    }
    let ttl = properties.map("TimeToLiveSpecification")?;
    let ttl_attribute = if ttl.flag("Enabled")? {
        Some(ttl.required("AttributeName")?)
    } else {
        None
    };
    Ok(Table {
        logical_id: resource.id.clone(),
        name,
        create: create.into(),
        ttl_attribute,
        line: resource.line,
    })
}

/// Reads a SAM table, which has one key attribute.
fn simple(properties: &Properties<'_>, create: &mut Map<String, Value>) -> Result<(), Problem> {
    let key = properties.map("PrimaryKey")?;
    let (name, kind) = if key.is_empty() {
        ("id".to_owned(), "S")
    } else {
        let kind = match &*key.required("Type")? {
            "String" => "S",
            "Number" => "N",
            "Binary" => "B",
            other => {
                let text = format!(
                    "`Type` of {} is `{other}`: expected String, Number or Binary",
                    key.owner
                );
                return Err(key.problem("Type", text));
            }
        };
        (key.required("Name")?, kind)
    };
    create.insert(
        "KeySchema".into(),
        json!([{ "AttributeName": name, "KeyType": "HASH" }]),
    );
    create.insert(
        "AttributeDefinitions".into(),
        json!([{ "AttributeName": name, "AttributeType": kind }]),
    );
    let throughput = throughput(properties)?;
    let mode = match throughput {
        Some(_) => "PROVISIONED",
        None => "PAY_PER_REQUEST",
    };
    billing(create, mode, throughput);
    Ok(())
}

/// Reads a CloudFormation table with any keys and indexes.
fn full(
    evaluator: &Evaluator<'_>,
    properties: &Properties<'_>,
    provisioned: bool,
    create: &mut Map<String, Value>,
) -> Result<(), Problem> {
    for name in ["KeySchema", "AttributeDefinitions"] {
        let Some(list) = properties
            .value(name)?
            .filter(|list| list.as_list().is_some_and(|items| !items.is_empty()))
        else {
            return Err(properties.problem(name, format!("{} has no `{name}`", properties.owner)));
        };
        create.insert(name.into(), json(evaluator, &list, false)?);
    }
    let mode = properties.text("BillingMode")?;
    match (mode.as_deref(), throughput(properties)?) {
        // A global table provisions throughput per Region, which has no local effect.
        (Some("PAY_PER_REQUEST"), _) => billing(create, "PAY_PER_REQUEST", None),
        _ if !provisioned => billing(create, "PAY_PER_REQUEST", None),
        (None | Some("PROVISIONED"), Some(throughput)) => {
            billing(create, "PROVISIONED", Some(throughput))
        }
        (None | Some("PROVISIONED"), None) => {
            let text = format!(
                "{} has no `ProvisionedThroughput`; add it, or write `BillingMode: PAY_PER_REQUEST`",
                properties.owner
            );
            return Err(properties.problem("BillingMode", text));
        }
        (Some(other), _) => {
            let text = format!(
                "`BillingMode` of {} is `{other}`: expected PAY_PER_REQUEST or PROVISIONED",
                properties.owner
            );
            return Err(properties.problem("BillingMode", text));
        }
    }
    for name in ["LocalSecondaryIndexes", "GlobalSecondaryIndexes"] {
        let indexes = properties.list(name)?;
        if !indexes.is_empty() {
            let indexes = indexes
                .iter()
                .map(|index| self::index(evaluator, index, properties))
                .collect::<Result<Vec<_>, _>>()?;
            create.insert(name.into(), indexes.into());
        }
    }
    if let Some(view) = properties
        .map("StreamSpecification")?
        .text("StreamViewType")?
    {
        create.insert(
            "StreamSpecification".into(),
            json!({ "StreamEnabled": true, "StreamViewType": view }),
        );
    }
    Ok(())
}

fn index(evaluator: &Evaluator<'_>, node: &Node, table: &Properties<'_>) -> Result<Value, Problem> {
    let properties = Properties::new(evaluator, node, format!("an index of {}", table.owner))?;
    let mut index = Map::new();
    index.insert("IndexName".into(), properties.required("IndexName")?.into());
    for name in ["KeySchema", "Projection"] {
        let Some(value) = properties.value(name)? else {
            return Err(node.problem(format!("{} has no `{name}`", properties.owner)));
        };
        index.insert(name.into(), json(evaluator, &value, false)?);
    }
    if let Some(throughput) = throughput(&properties)? {
        index.insert("ProvisionedThroughput".into(), throughput);
    }
    Ok(index.into())
}

fn billing(create: &mut Map<String, Value>, mode: &str, throughput: Option<Value>) {
    create.insert("BillingMode".into(), json!(mode));
    if let Some(throughput) = throughput {
        create.insert("ProvisionedThroughput".into(), throughput);
    }
}

fn throughput(properties: &Properties<'_>) -> Result<Option<Value>, Problem> {
    let throughput = properties.map("ProvisionedThroughput")?;
    if throughput.is_empty() {
        return Ok(None);
    }
    let units = |name| {
        throughput
            .number(name, 1..=u32::MAX)
            .map(|number| number.unwrap_or(1))
    };
    Ok(Some(json!({
        "ReadCapacityUnits": units("ReadCapacityUnits")?,
        "WriteCapacityUnits": units("WriteCapacityUnits")?,
    })))
}
