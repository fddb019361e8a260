//! The resources that SAM makes beside a function or a state machine, under the logical ids that it gives them: templates
//! refer to them. SAM's `AWS::Serverless::WebSocketApi` has a [file](super::websocket_api) of its own.

use super::resource::Resource;
use crate::template::resources::function::SERVERLESS;
use crate::template::syntax::{Entry, Node};

/// What SAM makes of an event source: the ends of logical ids, and their kinds.
type Parts = &'static [(&'static str, &'static str)];

const RULE: (&str, &str) = ("", "AWS::Events::Rule");
const MAPPING: Parts = &[("", "AWS::Lambda::EventSourceMapping")];

/// The properties that SAM moves into the role that it makes.
const OF_ROLE: [&str; 4] = [
    "DeadLetterQueue",
    "EventInvokeConfig",
    "PermissionsBoundary",
    "Policies",
];

/// The parts of an event source, besides its permission.
fn parts(kind: &str) -> Parts {
    match kind {
        "Schedule" | "CloudWatchEvent" | "EventBridgeRule" => &[RULE],
        "ScheduleV2" => &[("", "AWS::Scheduler::Schedule"), ("Role", "AWS::IAM::Role")],
        "SNS" => &[("", "AWS::SNS::Subscription")],
        "CloudWatchLogs" => &[("", "AWS::Logs::SubscriptionFilter")],
        "IoTRule" => &[("", "AWS::IoT::TopicRule")],
        "SQS" | "Kinesis" | "DynamoDB" | "DocumentDB" | "MQ" | "MSK" | "SelfManagedKafka" => {
            MAPPING
        }
        _ => &[],
    }
}

/// Who may call the function for an event of this type.
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

/// The resources that SAM makes of another. `resolve` evaluates the name of an alias.
pub(crate) fn expand(
    resource: &Resource,
    resolve: impl Fn(&Node) -> Option<String>,
) -> Vec<Resource> {
    let is_function = resource.kind == SERVERLESS;
    if !is_function && resource.kind != "AWS::Serverless::StateMachine" {
        return Vec::new();
    }
    let mut of = Owner {
        resource,
        made: Vec::new(),
    };
    if of.property("Role").is_none() {
        // What the function may do is what its role may do, so that the role names what these name.
        let entries = OF_ROLE.iter().filter_map(|name| {
            let node = of.property(name)?;
            Some(Entry::new(name, node.clone()))
        });
        let entries = entries.collect();
        of.make("Role", "AWS::IAM::Role", entries);
    }
    if is_function {
        of.alias(resolve);
        of.url();
        of.destinations();
        for event in of.property("Events").map(Node::entries).unwrap_or_default() {
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
        let node = self.resource.properties.entry(name);
        node.filter(|node| !node.is_null())
    }

    /// `Ref` to the function.
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

    fn make_named(&mut self, id: String, kind: &str, entries: Vec<Entry>) {
        let line = self.resource.line;
        self.made.push(Resource {
            id,
            kind: kind.to_owned(),
            condition: self.resource.condition.clone(),
            properties: Node::map(entries, line),
            metadata: Node::null(line),
            line,
            column: 0,
            generated: true,
        });
    }

    /// That others may call the function.
    fn permission(&mut self, end: &str, principal: &str, source: Option<Node>) {
        let mut entries = vec![
            Entry::new("Action", self.text("lambda:InvokeFunction")),
            Entry::new("FunctionName", self.itself()),
            Entry::new("Principal", self.text(principal)),
        ];
        entries.extend(source.map(|source| Entry::new("SourceArn", source)));
        self.make(end, "AWS::Lambda::Permission", entries);
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
        self.make(&end, "AWS::Lambda::Alias", entries);
        if self.property("DeploymentPreference").is_some() {
            self.make(
                "DeploymentGroup",
                "AWS::CodeDeploy::DeploymentGroup",
                Vec::new(),
            );
            let shared = [
                (
                    "ServerlessDeploymentApplication",
                    "AWS::CodeDeploy::Application",
                ),
                ("CodeDeployServiceRole", "AWS::IAM::Role"),
            ];
            for (id, kind) in shared {
                self.make_named(id.to_owned(), kind, Vec::new());
            }
        }
    }

    fn url(&mut self) {
        if self.property("FunctionUrlConfig").is_some() {
            self.make("Url", "AWS::Lambda::Url", Vec::new());
            // Both let everyone call the URL, and nobody the function by another way.
            for end in ["UrlPublicPermissions", "URLInvokeAllowPublicAccess"] {
                self.make(
                    end,
                    "AWS::Lambda::Permission",
                    vec![
                        Entry::new("Action", self.text("lambda:InvokeFunctionUrl")),
                        Entry::new("FunctionName", self.itself()),
                        Entry::new("Principal", self.text("*")),
                    ],
                );
            }
        }
    }

    fn destinations(&mut self) {
        let Some(config) = self.property("EventInvokeConfig") else {
            return;
        };
        self.make(
            "EventInvokeConfig",
            "AWS::Lambda::EventInvokeConfig",
            Vec::new(),
        );
        let destinations = config.entry("DestinationConfig").map(Node::entries);
        for one in destinations.unwrap_or_default() {
            let given = one.value.entry("Destination").is_some();
            let kind = match one.value.entry("Type").and_then(Node::as_text) {
                Some("SQS") if !given => ("Queue", "AWS::SQS::Queue"),
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
        let Some(kind) = node.entry("Type").and_then(Node::as_text) else {
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
                ("Queue", "AWS::SQS::Queue"),
                ("QueuePolicy", "AWS::SQS::QueuePolicy"),
                ("EventSourceMapping", "AWS::Lambda::EventSourceMapping"),
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
                let (kind, part) = match kind {
                    "Api" => (
                        "AWS::Serverless::Api",
                        ("ProdStage", "AWS::ApiGateway::Stage"),
                    ),
                    _ => (
                        "AWS::Serverless::HttpApi",
                        ("ApiGatewayDefaultStage", "AWS::ApiGateway::Stage"),
                    ),
                };
                self.make_named(implicit.to_owned(), kind, Vec::new());
                self.make_named(format!("{implicit}{}", part.0), part.1, Vec::new());
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
