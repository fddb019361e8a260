//! The permissions of a function's role, as far as the template contains them.

use lambda_ws::wire::matches_pattern;

use crate::template::doctor::input::{DoctorInput, named};
use crate::template::doctor::location::Location;
use crate::template::doctor::{arn, managed_policies};
use crate::template::syntax::Node;
use crate::template::transform::Resource;

/// The permissions of a role.
pub(super) struct EffectivePermissions<'t, 's, 'a> {
    input: &'t DoctorInput<'s, 'a>,
    statements: Vec<Statement>,
    /// Whether the template contains all of them.
    complete: bool,
}

struct Statement {
    actions: Vec<String>,
    /// ARNs; `None` is an unknown one.
    resources: Vec<Option<String>>,
    location: Option<Location>,
}

impl<'t, 's, 'a> EffectivePermissions<'t, 's, 'a> {
    /// The permissions of a function.
    pub(super) fn of(input: &'t DoctorInput<'s, 'a>, function: &Resource) -> Self {
        let mut this = Self {
            input,
            statements: Vec::new(),
            complete: !connected(input, function),
        };
        let role = function
            .properties
            .entry("Role")
            .filter(|role| !role.is_null());
        let id = match role {
            Some(role) => match named(role) {
                Some(id) => id,
                None => return this.incomplete(),
            },
            // The role that SAM generates.
            None => format!("{}Role", function.id),
        };
        match input.resource(&id) {
            Some(one) if one.kind == "AWS::IAM::Role" && (role.is_some() || one.generated) => {
                this.policies(one.properties.entry("Policies"));
                this.policies(one.properties.entry("ManagedPolicyArns"));
            }
            _ => return this.incomplete(),
        }
        this.attached(&id);
        this
    }

    /// Whether an action on a resource is allowed; yes, where the template does not contain it.
    pub(super) fn allows(&self, action: &str, arn: &str) -> bool {
        let account = &self.input.evaluator.options.account;
        let covers = |arn_of: &Option<String>| {
            arn_of
                .as_ref()
                .is_none_or(|policy| arn::covers(policy, arn, account))
        };
        !self.complete
            || self
                .statements
                .iter()
                .any(|one| one.names(action) && one.resources.iter().any(covers))
    }

    /// Whether an action on any resource is allowed; yes, where the template does not contain it.
    pub(super) fn allows_any(&self, action: &str) -> bool {
        !self.complete || self.statements.iter().any(|one| one.names(action))
    }

    /// Whether the template contains all permissions.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The place where an action is allowed, on any resource.
    pub(super) fn location(&self, action: &str) -> Option<Location> {
        let statement = self.statements.iter().find(|one| one.names(action))?;
        statement.location.clone()
    }

    fn incomplete(self) -> Self {
        Self {
            complete: false,
            ..self
        }
    }

    /// A property of policies: one, or a list.
    fn policies(&mut self, property: Option<&Node>) {
        let Some(property) = property else { return };
        let Ok(value) = self.input.evaluator.value(property) else {
            self.complete = false;
            return;
        };
        for policy in value.as_list().unwrap_or(std::slice::from_ref(&value)) {
            self.policy(policy);
        }
    }

    fn policy(&mut self, node: &Node) {
        let input = self.input;
        let managed = named(node).and_then(|id| input.resource(&id));
        if let Some(managed) = managed.filter(|one| one.kind == "AWS::IAM::ManagedPolicy") {
            return self.document(managed.properties.entry("PolicyDocument"));
        }
        let Ok(value) = input.evaluator.value(node) else {
            self.complete = false;
            return;
        };
        if let Some(name) = value.as_text() {
            let name = name.rsplit('/').next().unwrap_or(name);
            match managed_policies::of_aws(name) {
                Some(actions) => self.allow(actions, Some("*".into())),
                None => self.complete = false,
            }
            return;
        }
        if value.entry("Statement").is_some() {
            return self.document(Some(&value));
        }
        if let Some(document) = value.entry("PolicyDocument") {
            return self.document(Some(document));
        }
        for entry in value.entries() {
            let (parameter, actions) = managed_policies::of_sam(&entry.key);
            let resource = entry.value.entry(parameter);
            let resource = resource.and_then(|node| input.evaluator.text(node).ok());
            let resource = resource.map(|name| match parameter {
                "TableName" => format!("arn:aws:dynamodb:*:*:table/{name}"),
                _ => format!("arn:aws:lambda:*:*:function:{name}*"),
            });
            self.allow(actions, resource);
        }
    }

    fn allow(&mut self, actions: &[&str], resource: Option<String>) {
        self.statements.push(Statement {
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
            resources: vec![resource],
            location: None,
        });
    }

    fn document(&mut self, document: Option<&Node>) {
        let evaluator = self.input.evaluator;
        let statements = document
            .and_then(|node| evaluator.value(node).ok())
            .and_then(|node| evaluator.value(node.entry("Statement")?).ok());
        let Some(statements) = statements else {
            self.complete = false;
            return;
        };
        for one in statements
            .as_list()
            .unwrap_or(std::slice::from_ref(&statements))
        {
            self.statement(one);
        }
    }

    fn statement(&mut self, node: &Node) {
        let evaluator = self.input.evaluator;
        let Ok(node) = evaluator.value(node) else {
            self.complete = false;
            return;
        };
        if node.is_null() {
            return;
        }
        match node.entry("Effect").map(|effect| evaluator.text(effect)) {
            Some(Ok(effect)) if effect == "Allow" => {}
            // A denial may be intended.
            Some(Ok(_)) => return,
            _ => self.complete = false,
        }
        let (Some(action), Some(resource)) = (node.entry("Action"), node.entry("Resource")) else {
            // `NotAction` and `NotResource` allow more than can be listed.
            self.complete = false;
            return;
        };
        let Some(actions) = self.texts(action).into_iter().collect::<Option<Vec<_>>>() else {
            self.complete = false;
            return;
        };
        self.statements.push(Statement {
            actions,
            resources: self.texts(resource),
            location: Some(Location::from(action)),
        });
    }

    /// A text or a list of texts; `None` for an unknown one.
    fn texts(&self, node: &Node) -> Vec<Option<String>> {
        let evaluator = self.input.evaluator;
        let Ok(value) = evaluator.value(node) else {
            return vec![None];
        };
        let items = value.as_list().unwrap_or(std::slice::from_ref(&value));
        items.iter().map(|item| evaluator.text(item).ok()).collect()
    }

    /// Policies that are attached to a role from outside of it.
    fn attached(&mut self, role: &str) {
        let input = self.input;
        for policy in &input.evaluator.resources {
            let property = match &*policy.kind {
                "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy" => "Roles",
                "AWS::IAM::RolePolicy" => "RoleName",
                _ => continue,
            };
            let Some(roles) = policy.properties.entry(property) else {
                continue;
            };
            for one in roles.as_list().unwrap_or(std::slice::from_ref(roles)) {
                match named(one) {
                    Some(id) if id == role => {
                        self.document(policy.properties.entry("PolicyDocument"))
                    }
                    Some(_) => {}
                    // Only AWS knows whose role that is.
                    None => self.complete = false,
                }
            }
        }
    }
}

impl Statement {
    fn names(&self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        let mut actions = self.actions.iter();
        actions.any(|one| matches_pattern(&one.to_ascii_lowercase(), &action))
    }
}

/// Whether SAM's connectors give the function further permissions.
fn connected(input: &DoctorInput<'_, '_>, function: &Resource) -> bool {
    let connectors = "AWS::Serverless::Connector";
    function.properties.entry("Connectors").is_some()
        || input.evaluator.of_kind(connectors).next().is_some()
}
