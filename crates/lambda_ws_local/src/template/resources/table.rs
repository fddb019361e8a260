use serde_json::{Map, Value, json};

use crate::template::evaluate::{Evaluator, Properties, STACK, resource_names};
use crate::template::syntax::{self, Node, Problem};
use crate::template::transform::Resource;

pub(crate) const SIMPLE: &str = "AWS::Serverless::SimpleTable";
pub(crate) const TABLE: &str = "AWS::DynamoDB::Table";
pub(crate) const GLOBAL: &str = "AWS::DynamoDB::GlobalTable";

/// The length of the shortest name of a table.
const SHORTEST: usize = 3;

/// A DynamoDB table of the template.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name on AWS: `TableName`, or the logical id if the template has none, behind the stack's name if it is too short.
    pub name: String,
    /// The body of the DynamoDB request `CreateTable` that makes it.
    pub create: Value,
    /// The attribute that holds the time of an item's end, in seconds since 1970; `None` if items do not end.
    pub ttl_attribute: Option<String>,
    /// Its line in the template, counted from 1.
    pub line: usize,
}

/// The table's name on AWS, which is what `Ref` says: `TableName`, or one that is made of the logical id.
pub(crate) fn name(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<String, Problem> {
    let name = resource_names::own_name(evaluator, resource, "TableName")?;
    Ok(name.unwrap_or_else(|| match resource.id.len() < SHORTEST {
        // The name that AWS makes is long enough.
        true => format!("{STACK}-{}", resource.id),
        false => resource.id.clone(),
    }))
}

/// The template's tables, in its order.
pub(crate) fn read(evaluator: &Evaluator<'_>) -> Vec<Table> {
    let tables = evaluator
        .resources
        .iter()
        .filter(|resource| matches!(&*resource.kind, SIMPLE | TABLE | GLOBAL));
    let tables: Vec<Table> = tables
        .filter_map(|resource| evaluator.report.keep(table(evaluator, resource)))
        .collect();
    for (index, table) in tables.iter().enumerate() {
        if let Some(first) = tables[..index]
            .iter()
            .find(|first| first.name == table.name && !evaluator.may_be_absent(&first.logical_id))
        {
            let text = format!(
                "table `{}` has the name `{}`, as the one on line {}",
                table.logical_id, table.name, first.line
            );
            evaluator.report.problem(Problem::new(table.line, text));
        }
    }
    tables
}

fn table(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<Table, Problem> {
    let properties = Properties::new(
        evaluator,
        &resource.properties,
        format!("table `{}`", resource.id),
    )?;
    let name = name(evaluator, resource)?;
    let valid = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    if !(SHORTEST..=255).contains(&name.len()) || !name.chars().all(valid) {
        let text = format!(
            "table `{}` is named `{name}`, but a name is 3 to 255 of A-Z, a-z, 0-9, `_`, `-` and `.`",
            resource.id
        );
        return Err(Problem::new(properties.line("TableName"), text));
    }
    let mut create = Map::new();
    create.insert("TableName".into(), json!(name));
    match &*resource.kind {
        SIMPLE => simple(&properties, &mut create)?,
        kind => full(evaluator, &properties, kind == TABLE, &mut create)?,
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

/// A table with one key attribute, as SAM makes it.
fn simple(properties: &Properties<'_, '_>, create: &mut Map<String, Value>) -> Result<(), Problem> {
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
                    "{}: the type `{other}` is none of String, Number and Binary",
                    key.owner
                );
                return Err(Problem::new(key.line("Type"), text));
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
    billing(
        create,
        if throughput.is_some() {
            "PROVISIONED"
        } else {
            "PAY_PER_REQUEST"
        },
        throughput,
    );
    Ok(())
}

fn full(
    evaluator: &Evaluator<'_>,
    properties: &Properties<'_, '_>,
    provisioned: bool,
    create: &mut Map<String, Value>,
) -> Result<(), Problem> {
    for name in ["KeySchema", "AttributeDefinitions"] {
        let Some(list) = properties
            .value(name)?
            .filter(|list| list.as_list().is_some_and(|items| !items.is_empty()))
        else {
            return Err(Problem::new(
                properties.line(name),
                format!("{} has no `{name}`", properties.owner),
            ));
        };
        create.insert(name.into(), plain(evaluator, &list)?);
    }
    let mode = properties.text("BillingMode")?;
    match (mode.as_deref(), throughput(properties)?) {
        // What a table across Regions provisions is said Region by Region; none of it matters on a laptop.
        (Some("PAY_PER_REQUEST"), _) => billing(create, "PAY_PER_REQUEST", None),
        _ if !provisioned => billing(create, "PAY_PER_REQUEST", None),
        (None | Some("PROVISIONED"), Some(throughput)) => {
            billing(create, "PROVISIONED", Some(throughput))
        }
        (None | Some("PROVISIONED"), None) => {
            let text = format!(
                "{} has no `ProvisionedThroughput`; set it, or `BillingMode: PAY_PER_REQUEST`",
                properties.owner
            );
            return Err(Problem::new(properties.line("BillingMode"), text));
        }
        (Some(other), _) => {
            let text = format!(
                "{}: `BillingMode` is `{other}`, but it is PAY_PER_REQUEST or PROVISIONED",
                properties.owner
            );
            return Err(Problem::new(properties.line("BillingMode"), text));
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

fn index(
    evaluator: &Evaluator<'_>,
    node: &Node,
    table: &Properties<'_, '_>,
) -> Result<Value, Problem> {
    let properties = Properties::new(evaluator, node, format!("an index of {}", table.owner))?;
    let mut index = Map::new();
    index.insert("IndexName".into(), properties.required("IndexName")?.into());
    for name in ["KeySchema", "Projection"] {
        let Some(value) = properties.value(name)? else {
            return Err(Problem::new(
                node.line,
                format!("{} has no `{name}`", properties.owner),
            ));
        };
        index.insert(name.into(), plain(evaluator, &value)?);
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

fn throughput(properties: &Properties<'_, '_>) -> Result<Option<Value>, Problem> {
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

/// A value of maps, lists and texts, all of it evaluated: keys and projections hold nothing else.
fn plain(evaluator: &Evaluator<'_>, node: &Node) -> Result<Value, Problem> {
    let node = evaluator.value(node)?;
    match &node.value {
        syntax::Value::Null => Ok(Value::Null),
        syntax::Value::Text(text) => Ok(json!(**text)),
        syntax::Value::List(items) => items.iter().map(|item| plain(evaluator, item)).collect(),
        syntax::Value::Map(entries) => {
            let pairs = entries
                .iter()
                .map(|entry| Ok((entry.key.to_string(), plain(evaluator, &entry.value)?)));
            pairs.collect::<Result<Map<_, _>, _>>().map(Value::from)
        }
    }
}
