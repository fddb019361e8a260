//! The permissions of a function's role that the template contains.

use super::finding::Location;
use super::input::DoctorInput;
use super::references::referenced_resource;
use super::{arn, managed_policies};
use crate::template::syntax::Node;
use crate::template::transform::{Resource, resource_type};
use lambda_ws_protocol::authorizer::matches_pattern;

pub(super) struct EffectivePermissions<'d> {
    input: &'d DoctorInput<'d>,
    statements: Vec<Statement>,
    /// Whether the template contains all permissions of the role.
    complete: bool,
}

struct Statement {
    actions: Vec<String>,
    /// The ARNs; `None` for an unknown ARN.
    resources: Vec<Option<String>>,
    location: Option<Location>,
}

impl<'d> EffectivePermissions<'d> {
    pub(super) fn of(input: &'d DoctorInput<'d>, function: &Resource) -> Self {
        let mut this = Self {
            input,
            statements: Vec::new(),
            // The connectors of SAM add permissions to the function.
            complete: function.properties.entry("Connectors").is_none()
                && input
                    .evaluator
                    .of_type("AWS::Serverless::Connector")
                    .next()
                    .is_none(),
        };
        let role = function.properties.non_null("Role");
        let id = match role {
            Some(role) => match referenced_resource(role) {
                Some(id) => id,
                None => return this.incomplete(),
            },
            // The role that SAM generates.
            None => format!("{}Role", function.id),
        };
        match input.resource(&id) {
            Some(one)
                if one.resource_type == resource_type::ROLE
                    && (role.is_some() || one.generated) =>
            {
                this.policies(one.properties.entry("Policies"));
                this.policies(one.properties.entry("ManagedPolicyArns"));
            }
            _ => return this.incomplete(),
        }
        this.attached(&id);
        this
    }

    /// Whether an action on a resource is allowed; true if the template does not contain all permissions.
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

    /// Whether an action on any resource is allowed; true if the template does not contain all permissions.
    pub(super) fn allows_any(&self, action: &str) -> bool {
        !self.complete || self.statements.iter().any(|one| one.names(action))
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Returns the location of the statement that allows an action on any resource.
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

    /// Adds the policies in a property: one policy, or a list.
    fn policies(&mut self, property: Option<&Node>) {
        let Some(property) = property else { return };
        let Ok(value) = self.input.evaluator.value(property) else {
            self.complete = false;
            return;
        };
        for policy in value.items() {
            self.policy(policy);
        }
    }

    fn policy(&mut self, node: &Node) {
        let input = self.input;
        let managed = referenced_resource(node).and_then(|id| input.resource(&id));
        if let Some(managed) =
            managed.filter(|one| one.resource_type == resource_type::MANAGED_POLICY)
        {
            return self.document(managed.properties.entry("PolicyDocument"));
        }
        let Ok(value) = input.evaluator.value(node) else {
            self.complete = false;
            return;
        };
        if let Some(name) = value.as_text() {
            let name = name.rsplit('/').next().unwrap_or(name);
            match managed_policies::of_aws_policy(name) {
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
            let (parameter, actions) = managed_policies::of_sam_template(&entry.key);
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
        let document = document.and_then(|node| evaluator.value(node).ok());
        let statements = document.and_then(|node| evaluator.value(node.entry("Statement")?).ok());
        let Some(statements) = statements else {
            self.complete = false;
            return;
        };
        for one in statements.items() {
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
            // A denied action can be intended.
            Some(Ok(_)) => return,
            _ => self.complete = false,
        }
        let (Some(action), Some(resource)) = (node.entry("Action"), node.entry("Resource")) else {
            // The permissions of `NotAction` and `NotResource` cannot be listed.
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

    /// Returns a string or a list of strings; `None` for an unknown string.
    fn texts(&self, node: &Node) -> Vec<Option<String>> {
        let evaluator = self.input.evaluator;
        let Ok(value) = evaluator.value(node) else {
            return vec![None];
        };
        let items = value.items();
        items.iter().map(|item| evaluator.text(item).ok()).collect()
    }

    /// Adds the policies that attach themselves to a role.
    fn attached(&mut self, role: &str) {
        let input = self.input;
        for policy in &input.evaluator.resources {
            let property = match &*policy.resource_type {
                "AWS::IAM::Policy" | resource_type::MANAGED_POLICY => "Roles",
                "AWS::IAM::RolePolicy" => "RoleName",
                _ => continue,
            };
            let Some(roles) = policy.properties.entry(property) else {
                continue;
            };
            for one in roles.items() {
                match referenced_resource(one) {
                    Some(id) if id == role => {
                        self.document(policy.properties.entry("PolicyDocument"))
                    }
                    Some(_) => {}
                    // Only AWS knows the role.
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
