//! The resources that SAM generates for a function or a state machine, with the logical ids that templates refer to.

use super::resource::Resource;
use super::resource_type;
use crate::template::syntax::{Entry, Node};

/// The resources of an event source: the suffixes of their logical ids, and their types.
type Parts = &'static [(&'static str, &'static str)];

const RULE: (&str, &str) = ("", "AWS::Events::Rule");
const MAPPING: Parts = &[("", resource_type::EVENT_SOURCE_MAPPING)];

/// The resources that all functions with a `DeploymentPreference` share.
const SHARED: [(&str, &str); 2] = [
    (
        "ServerlessDeploymentApplication",
        "AWS::CodeDeploy::Application",
    ),
    ("CodeDeployServiceRole", resource_type::ROLE),
];

/// The properties that SAM moves into the role that it generates.
const OF_ROLE: [&str; 4] = [
    "DeadLetterQueue",
    "EventInvokeConfig",
    "PermissionsBoundary",
    "Policies",
];

/// The resources of an event source, except its permission.
fn parts(kind: &str) -> Parts {
    match kind {
        "Schedule" | "CloudWatchEvent" | "EventBridgeRule" => &[RULE],
        "ScheduleV2" => &[
            ("", "AWS::Scheduler::Schedule"),
            ("Role", resource_type::ROLE),
        ],
        "SNS" => &[("", "AWS::SNS::Subscription")],
        "CloudWatchLogs" => &[("", "AWS::Logs::SubscriptionFilter")],
        "IoTRule" => &[("", "AWS::IoT::TopicRule")],
        "SQS" | "Kinesis" | "DynamoDB" | "DocumentDB" | "MQ" | "MSK" | "SelfManagedKafka" => {
            MAPPING
        }
        _ => &[],
    }
}

/// The principal that calls the function for an event of this type.
fn principal(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Schedule" | "CloudWatchEvent" | "EventBridgeRule" => "events.amazonaws.com",
        "SNS" => "sns.amazonaws.com",
        "S3" => "s3.amazonaws.com",
        "Api" | "HttpApi" => "apigateway.amazonaws.com",
        "CloudWatchLogs" => "logs.amazonaws.com",
        "IoTRule" => "iot.amazonaws.com",
        "AlexaSkill" => "alexa-appkit.amazon.com",
        _ => return None,
    })
}

/// Returns the resources that SAM generates from another one. `resolve` evaluates the name of an alias.
pub(crate) fn expand(
    resource: &Resource,
    resolve: impl Fn(&Node) -> Option<String>,
) -> Vec<Resource> {
    let is_function = resource.resource_type == resource_type::SAM_FUNCTION;
    if !is_function && resource.resource_type != "AWS::Serverless::StateMachine" {
        return Vec::new();
    }
    let mut of = Owner {
        resource,
        made: Vec::new(),
    };
    if of.property("Role").is_none() {
        // SAM moves these properties, and their references, into the role.
        let entries = OF_ROLE.iter().filter_map(|name| {
            let node = of.property(name)?;
            Some(Entry::new(name, node.clone()))
        });
        let entries = entries.collect();
        of.make("Role", resource_type::ROLE, entries);
    }
    if is_function {
        of.alias(resolve);
        of.url();
        of.destinations();
        for event in resource.properties.entries_of("Events") {
            of.event(event);
        }
    }
    of.made
}

struct Owner<'r> {
    resource: &'r Resource,
    made: Vec<Resource>,
}

impl<'r> Owner<'r> {
    fn property(&self, name: &str) -> Option<&'r Node> {
        self.resource.properties.non_null(name)
    }

    fn itself(&self) -> Node {
        let id = Node::text(&self.resource.id, self.resource.line);
        Node::single("Ref", id)
    }

    fn text(&self, text: &str) -> Node {
        Node::text(text, self.resource.line)
    }

    fn make(&mut self, end: &str, kind: &str, entries: Vec<Entry>) {
        let id = format!("{}{end}", self.resource.id);
        self.make_named(id, kind, entries);
    }

    fn make_named(&mut self, id: String, resource_type: &str, entries: Vec<Entry>) {
        let owner = self.resource;
        let part = Resource::generated(owner, id, resource_type, entries, owner.line);
        self.made.push(part);
    }

    /// The permission of another service to call the function.
    fn permission(&mut self, end: &str, principal: &str, source: Option<Node>) {
        let mut entries = vec![
            Entry::new("Action", self.text("lambda:InvokeFunction")),
            Entry::new("FunctionName", self.itself()),
            Entry::new("Principal", self.text(principal)),
        ];
        entries.extend(source.map(|source| Entry::new("SourceArn", source)));
        self.make(end, resource_type::PERMISSION, entries);
    }

    fn alias(&mut self, resolve: impl Fn(&Node) -> Option<String>) {
        let Some(node) = self.property("AutoPublishAlias") else {
            return;
        };
        let Some(name) = resolve(node) else { return };
        let end = format!("Alias{}", name.replace('-', "D").replace('_', "U"));
        let entries = vec![
            Entry::new("FunctionName", self.itself()),
            Entry::new("Name", node.clone()),
        ];
        self.make(&end, resource_type::ALIAS, entries);
        if self.property("DeploymentPreference").is_some() {
            let group = "AWS::CodeDeploy::DeploymentGroup";
            self.make("DeploymentGroup", group, Vec::new());
            for (id, kind) in SHARED {
                self.make_named(id.to_owned(), kind, Vec::new());
            }
        }
    }

    fn url(&mut self) {
        if self.property("FunctionUrlConfig").is_some() {
            self.make("Url", "AWS::Lambda::Url", Vec::new());
            // Both permissions cover only calls through the URL.
            for end in ["UrlPublicPermissions", "URLInvokeAllowPublicAccess"] {
                let entries = vec![
                    Entry::new("Action", self.text("lambda:InvokeFunctionUrl")),
                    Entry::new("FunctionName", self.itself()),
                    Entry::new("Principal", self.text("*")),
                ];
                self.make(end, resource_type::PERMISSION, entries);
            }
        }
    }

    fn destinations(&mut self) {
        let Some(config) = self.property("EventInvokeConfig") else {
            return;
        };
        self.make(
            "EventInvokeConfig",
            resource_type::EVENT_INVOKE_CONFIG,
            Vec::new(),
        );
        let destinations = config.entries_of("DestinationConfig");
        for one in destinations {
            let given = one.value.entry("Destination").is_some();
            let kind = match one.value.text_of("Type") {
                Some("SQS") if !given => ("Queue", resource_type::QUEUE),
                Some("SNS") if !given => ("Topic", "AWS::SNS::Topic"),
                _ => continue,
            };
            self.make(
                &format!("EventInvokeConfig{}{}", one.key, kind.0),
                kind.1,
                Vec::new(),
            );
        }
    }

    fn event(&mut self, event: &Entry) {
        let (name, node) = (&*event.key, &event.value);
        let Some(kind) = node.text_of("Type") else {
            return;
        };
        let property = |name| node.entry("Properties").and_then(|node| node.entry(name));
        for (end, part) in parts(kind) {
            self.make(&format!("{name}{end}"), part, Vec::new());
        }
        if kind == "SNS"
            && property("SqsSubscription").is_some_and(|node| node.as_text() != Some("false"))
        {
            for (end, part) in [
                ("Queue", resource_type::QUEUE),
                ("QueuePolicy", "AWS::SQS::QueuePolicy"),
                ("EventSourceMapping", resource_type::EVENT_SOURCE_MAPPING),
            ] {
                self.make(&format!("{name}{end}"), part, Vec::new());
            }
            return;
        }
        let Some(principal) = principal(kind) else {
            return;
        };
        let (id, stage, implicit) = match kind {
            "Api" => ("RestApiId", "Prod", "ServerlessRestApi"),
            "HttpApi" => ("ApiId", "", "ServerlessHttpApi"),
            _ => return self.permission(&format!("{name}Permission"), principal, None),
        };
        let api = match property(id) {
            Some(api) => api.clone(),
            None => {
                let (kind, stage) = match kind {
                    "Api" => (resource_type::SAM_REST_API, "ProdStage"),
                    _ => (resource_type::SAM_HTTP_API, "ApiGatewayDefaultStage"),
                };
                self.make_named(implicit.to_owned(), kind, Vec::new());
                let stage = format!("{implicit}{stage}");
                self.make_named(stage, "AWS::ApiGateway::Stage", Vec::new());
                Node::single("Ref", self.text(implicit))
            }
        };
        let arn = self
            .text("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*");
        let variables = Node::map(vec![Entry::new("Api", api)], event.line);
        let source = Node::single("Fn::Sub", Node::list(vec![arn, variables], event.line));
        self.permission(&format!("{name}Permission{stage}"), principal, Some(source));
    }
}
