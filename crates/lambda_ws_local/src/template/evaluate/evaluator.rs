use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

use super::options::Options;
use super::parameters::{self, Parameter};
use super::{conditions, intrinsics, resource_names};
use crate::template::syntax::{Constructs, Node, Problem, Report, Value};
use crate::template::transform::{Resource, resource};

/// `AWS::StackName` of a template that is no stack.
pub(crate) const STACK: &str = "local";
/// How deep one value may lead to the next; each step takes some of the thread's stack.
const MAX_STEPS: usize = 100;

/// All that an expression of the template can refer to. Values are evaluated when they are needed, once.
pub(crate) struct Evaluator<'a> {
    pub(crate) options: &'a Options,
    pub(crate) report: &'a Report,
    pub(crate) resources: Vec<Resource>,
    parameters: BTreeMap<String, Parameter>,
    /// The resources that do not exist, and why.
    absent: HashMap<String, Option<Problem>>,
    mappings: Node,
    conditions: Node,
    known: RefCell<HashMap<String, Result<Node, Problem>>>,
    busy: RefCell<Vec<String>>,
    steps: Cell<usize>,
    /// Whether parts with unknown values are read as far as possible, for a reader that reports mistakes only.
    lenient: bool,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(template: &Node, options: &'a Options, report: &'a Report) -> Self {
        Self::build(template, options, report, false)
    }

    /// A scope in which a value that only AWS knows hides nothing else: optional properties without a known value
    /// count as absent, and resources with an unknown condition as present.
    pub(crate) fn lenient(template: &Node, options: &'a Options, report: &'a Report) -> Self {
        Self::build(template, options, report, true)
    }

    fn build(template: &Node, options: &'a Options, report: &'a Report, lenient: bool) -> Self {
        let section = |name| {
            template
                .entry(name)
                .cloned()
                .unwrap_or(Node::null(template.line))
        };
        let parameters = parameters::read(template, options, report, lenient);
        let alias = |node: &Node| match node.intrinsic() {
            None => node.as_text().map(str::to_owned),
            Some(("Ref", name)) => {
                let value = parameters.get(name.as_text()?)?.value("", 0).ok()?;
                value.as_text().map(str::to_owned)
            }
            Some(_) => None,
        };
        let resources = resource::read(template, report, alias);
        report.locate(Constructs::new(template, &resources));
        let mut evaluator = Self {
            options,
            report,
            resources,
            parameters,
            absent: HashMap::new(),
            mappings: section("Mappings"),
            conditions: section("Conditions"),
            known: RefCell::default(),
            busy: RefCell::default(),
            steps: Cell::default(),
            lenient,
        };
        evaluator.follow_stage();
        evaluator.drop_absent();
        evaluator
    }

    /// Where a stage is named by a parameter, `--stage` is that parameter's value, for all that refers to it.
    fn follow_stage(&mut self) {
        let Some(stage) = &self.options.stage else {
            return;
        };
        for resource in &self.resources {
            if resource.kind == "AWS::ApiGatewayV2::Stage"
                && let Some(("Ref", name)) = resource
                    .properties
                    .entry("StageName")
                    .and_then(Node::intrinsic)
                && let Some(name) = name.as_text()
                && !self.options.parameters.contains_key(name)
                && let Some(parameter) = self.parameters.get_mut(name)
            {
                *parameter = Parameter::of(stage);
            }
        }
    }

    /// Forgets the resources whose condition is false, and those of no interest whose condition only AWS knows.
    fn drop_absent(&mut self) {
        let resources = std::mem::take(&mut self.resources);
        let (mut present, mut seen) = (Vec::with_capacity(resources.len()), Vec::new());
        for resource in resources {
            let exists = match &resource.condition {
                None => Ok(true),
                Some(name) => match conditions::named(self, name) {
                    Err(problem) if self.skips(&problem) => Ok(true),
                    exists => exists,
                },
            };
            match exists {
                Ok(true) => present.push(resource),
                Ok(false) => drop(self.absent.insert(resource.id, None)),
                Err(problem) => {
                    let matters = !problem.is_local_only() || resource.is_read();
                    if matters && !seen.contains(&problem) {
                        self.report.problem(problem.clone());
                        seen.push(problem.clone());
                    }
                    self.absent.insert(resource.id, Some(problem));
                }
            }
        }
        self.resources = present;
        // What was evaluated for a condition may not have seen the resources.
        self.known.borrow_mut().clear();
    }

    /// The resource that a function on `line` names.
    pub(crate) fn resource(&self, id: &str, line: usize) -> Result<&Resource, Problem> {
        let found = self.resources.iter().find(|resource| resource.id == id);
        found.ok_or_else(|| match self.absent.get(id) {
            Some(None) => Problem::new(
                line,
                format!("`{id}` does not exist here, because its condition is false"),
            ),
            Some(Some(problem)) => {
                let text = format!("whether `{id}` exists, only AWS knows: {problem}");
                Problem::local_only(line, text)
            }
            None => Problem::missing(line, id),
        })
    }

    pub(crate) fn of_kind<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Resource> {
        self.resources
            .iter()
            .filter(move |resource| resource.kind == kind)
    }

    pub(crate) fn mapping(&self, name: &str) -> Option<&Node> {
        self.mappings.entry(name)
    }

    pub(crate) fn condition(&self, name: &str) -> Option<&Node> {
        self.conditions.entry(name)
    }

    /// `Ref name`: a pseudo parameter, a parameter, or a resource's name.
    pub(crate) fn reference(&self, name: &str, line: usize) -> Result<Node, Problem> {
        let text = |text: &str| Ok(Node::text(text, line));
        match name {
            "AWS::Region" => text(&self.options.region),
            "AWS::AccountId" => text(&self.options.account),
            "AWS::Partition" => text("aws"),
            "AWS::URLSuffix" => text("amazonaws.com"),
            "AWS::StackName" => text(STACK),
            "AWS::StackId" => {
                let (region, account) = (&self.options.region, &self.options.account);
                text(&format!(
                    "arn:aws:cloudformation:{region}:{account}:stack/{STACK}/{}",
                    resource_names::short_id(STACK)
                ))
            }
            "AWS::NotificationARNs" => Ok(Node::list(Vec::new(), line)),
            "AWS::NoValue" => Ok(Node::null(line)),
            _ => match self.parameters.get(name) {
                Some(parameter) => parameter.value(name, line),
                None => self.once(&format!("Ref {name}"), line, || {
                    resource_names::reference(self, name, line)
                }),
            },
        }
    }

    /// `Fn::GetAtt name.attribute`.
    pub(crate) fn attribute(
        &self,
        name: &str,
        attribute: &str,
        line: usize,
    ) -> Result<Node, Problem> {
        self.once(&format!("GetAtt {name}.{attribute}"), line, || {
            resource_names::attribute(self, name, attribute, line)
        })
    }

    /// Evaluates under a name: once, and not while it is being evaluated.
    pub(crate) fn once(
        &self,
        name: &str,
        line: usize,
        evaluate: impl FnOnce() -> Result<Node, Problem>,
    ) -> Result<Node, Problem> {
        if let Some(known) = self.known.borrow().get(name) {
            return known.clone().map(|node| Node { line, ..node });
        }
        let begin = self.busy.borrow().iter().position(|busy| busy == name);
        if let Some(begin) = begin {
            let mut circle: Vec<_> = self.busy.borrow()[begin..]
                .iter()
                .map(|name| format!("`{name}`"))
                .collect();
            circle.push(format!("`{name}`"));
            return Err(Problem::new(
                line,
                format!("a value needs itself: {}", circle.join(" needs ")),
            ));
        }
        self.busy.borrow_mut().push(name.to_owned());
        let result = evaluate();
        self.busy.borrow_mut().pop();
        self.known
            .borrow_mut()
            .insert(name.to_owned(), result.clone());
        result
    }

    /// The value without an intrinsic function at its top; what is inside of a map or a list is left as it is.
    pub(crate) fn value(&self, node: &Node) -> Result<Node, Problem> {
        if node.intrinsic().is_none() {
            return Ok(node.clone());
        }
        self.step(node.line, || intrinsics::evaluate(self, node))
    }

    /// Whether the condition of a resource is unknown.
    pub(crate) fn may_be_absent(&self, id: &str) -> bool {
        let resource = self.resources.iter().find(|one| one.id == id);
        let condition = resource.and_then(|one| one.condition.as_ref());
        condition.is_some_and(|name| conditions::named(self, name).is_err())
    }

    /// Whether a value with this problem counts as absent.
    pub(crate) fn skips(&self, problem: &Problem) -> bool {
        self.lenient && problem.is_local_only()
    }

    /// A problem of a name that no resource of the template has. A lenient reader knows that AWS may have it.
    pub(crate) fn outside(&self, line: usize, text: impl Into<String>) -> Problem {
        match self.lenient {
            true => Problem::local_only(line, text),
            false => Problem::new(line, text),
        }
    }

    /// Evaluates one step deeper, if that is not too deep.
    pub(crate) fn step<T>(
        &self,
        line: usize,
        evaluate: impl FnOnce() -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let steps = self.steps.get();
        if steps >= MAX_STEPS {
            return Err(Problem::new(
                line,
                format!("this value leads over more than {MAX_STEPS} others"),
            ));
        }
        self.steps.set(steps + 1);
        let result = evaluate();
        self.steps.set(steps);
        result
    }

    /// A value that must be a text. A list of texts becomes one text, as SAM writes a list parameter.
    pub(crate) fn text(&self, node: &Node) -> Result<String, Problem> {
        let value = self.value(node)?;
        match &value.value {
            Value::Text(text) => Ok(text.to_string()),
            Value::List(items) if items.iter().all(|item| item.as_text().is_some()) => Ok(items
                .iter()
                .filter_map(Node::as_text)
                .collect::<Vec<_>>()
                .join(",")),
            _ => Err(Problem::new(
                node.line,
                format!("a text belongs here, and this is {}", value.kind()),
            )),
        }
    }

    /// A value that must be a list; elements that evaluate to nothing are left out.
    pub(crate) fn list(&self, node: &Node) -> Result<Vec<Node>, Problem> {
        let value = self.value(node)?;
        let Some(items) = value.as_list() else {
            return Err(Problem::new(
                node.line,
                format!("a list belongs here, and this is {}", value.kind()),
            ));
        };
        let items = items
            .iter()
            .map(|item| self.value(item))
            .filter(|item| item.as_ref().map_or_else(|one| !self.skips(one), |_| true))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(items.into_iter().filter(|item| !item.is_null()).collect())
    }
}
