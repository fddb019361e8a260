use super::options::Options;
use super::parameters::{self, Parameter};
use super::{conditions, intrinsics, resource_names};
use crate::template::syntax::{Node, Problem, Report, Value};
use crate::template::transform::{self, Resource, resource_type};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

/// The limit of nested references. Each level uses stack space.
const MAX_DEPTH: usize = 100;

/// The values of a template. Each value is evaluated once, when it is first used.
pub(crate) struct Evaluator<'a> {
    pub(crate) options: &'a Options,
    pub(crate) report: &'a Report,
    pub(crate) resources: Vec<Resource>,
    pub(super) mappings: Node,
    pub(super) conditions: Node,
    parameters: BTreeMap<String, Parameter>,
    /// The resources that do not exist, with the problem if the condition is unknown.
    absent: HashMap<String, Option<Problem>>,
    cache: RefCell<HashMap<String, Result<Node, Problem>>>,
    in_progress: RefCell<Vec<String>>,
    depth: Cell<usize>,
    /// Whether unknown values are ignored. The doctor reads all other parts to find their mistakes.
    lenient: bool,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(template: &Node, options: &'a Options, report: &'a Report) -> Self {
        Self::build(template, options, report, false)
    }

    /// An evaluator that ignores unknown values, so that they do not hide mistakes in other parts. An optional property
    /// with an unknown value counts as absent. A resource with an unknown condition counts as present.
    pub(crate) fn lenient(template: &Node, options: &'a Options, report: &'a Report) -> Self {
        Self::build(template, options, report, true)
    }

    fn build(template: &Node, options: &'a Options, report: &'a Report, lenient: bool) -> Self {
        let section = |name| {
            let node = template.entry(name).cloned();
            node.unwrap_or(Node::null(template.line))
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
        let resources = transform::read(template, report, alias);
        let written = resources.iter().filter(|one| !one.generated);
        report.set_constructs(template, written.map(|one| (one.line, one.construct())));
        let mut evaluator = Self {
            options,
            report,
            resources,
            mappings: section("Mappings"),
            conditions: section("Conditions"),
            parameters,
            absent: HashMap::new(),
            cache: RefCell::default(),
            in_progress: RefCell::default(),
            depth: Cell::default(),
            lenient,
        };
        evaluator.apply_stage_option();
        evaluator.remove_absent();
        evaluator
    }

    /// Sets the parameter that names a stage to the value of `--stage`, for all references to it.
    fn apply_stage_option(&mut self) {
        let Some(stage) = &self.options.stage else {
            return;
        };
        for resource in &self.resources {
            if resource.resource_type == resource_type::STAGE
                && let Some(name) = resource.properties.entry("StageName")
                && let Some(("Ref", name)) = name.intrinsic()
                && let Some(name) = name.as_text()
                && !self.options.parameters.contains_key(name)
                && let Some(parameter) = self.parameters.get_mut(name)
            {
                *parameter = Parameter::of(stage);
            }
        }
    }

    /// Removes the resources with a false condition, and irrelevant ones with an unknown condition.
    fn remove_absent(&mut self) {
        let resources = std::mem::take(&mut self.resources);
        let (mut present, mut seen) = (Vec::with_capacity(resources.len()), Vec::new());
        for resource in resources {
            let exists = match &resource.condition {
                None => Ok(true),
                Some(name) => match conditions::is_true(self, name) {
                    Err(problem) if self.counts_as_absent(&problem) => Ok(true),
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
        // A condition may have evaluated a value while the resources were missing.
        self.cache.borrow_mut().clear();
    }

    /// Returns the resource that an expression on `line` refers to.
    pub(crate) fn resource(&self, id: &str, line: usize) -> Result<&Resource, Problem> {
        let found = self.resources.iter().find(|resource| resource.id == id);
        found.ok_or_else(|| match self.absent.get(id) {
            Some(None) => Problem::new(
                line,
                format!("`{id}` does not exist, because its condition is false"),
            ),
            Some(Some(problem)) => {
                let text = format!("the condition of `{id}` is unknown: {problem}");
                Problem::local_only(line, text)
            }
            None => Problem::missing(line, id),
        })
    }

    /// Returns the resources of a type, in the order of the template.
    pub(crate) fn of_type<'e>(
        &'e self,
        resource_type: &'e str,
    ) -> impl Iterator<Item = &'e Resource> {
        let resources = self.resources.iter();
        resources.filter(move |one| one.resource_type == resource_type)
    }

    /// Returns the resource of a type with the id that `Ref` returns.
    pub(crate) fn with_id(&self, resource_type: &str, id: &str) -> Option<&Resource> {
        let mut resources = self.resources.iter();
        resources.find(|one| one.resource_type == resource_type && one.short_id() == id)
    }

    /// Returns the Lambda functions, in the order of the template.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &Resource> {
        let types = [resource_type::SAM_FUNCTION, resource_type::FUNCTION];
        let resources = self.resources.iter();
        resources.filter(move |one| types.contains(&&*one.resource_type))
    }

    /// Returns the Lambda function with this name on AWS.
    pub(crate) fn function_named(&self, name: &str) -> Option<&Resource> {
        self.functions()
            .find(|one| resource_names::function(self, one).is_ok_and(|own| own == name))
    }

    /// Returns the text of a property, if it is known.
    pub(crate) fn property(&self, resource: &Resource, name: &str) -> Option<String> {
        self.text(resource.properties.entry(name)?).ok()
    }

    /// Returns the value of `Ref name`: a pseudo parameter, a parameter, or a resource's name.
    pub(super) fn reference(&self, name: &str, line: usize) -> Result<Node, Problem> {
        if let Some(value) = parameters::pseudo(self.options, name, line) {
            return Ok(value);
        }
        match self.parameters.get(name) {
            Some(parameter) => parameter.value(name, line),
            None => self.memoize(&format!("Ref {name}"), line, || {
                resource_names::reference(self, name, line)
            }),
        }
    }

    /// Returns the value of `Fn::GetAtt name.attribute`.
    pub(super) fn attribute(
        &self,
        name: &str,
        attribute: &str,
        line: usize,
    ) -> Result<Node, Problem> {
        self.memoize(&format!("GetAtt {name}.{attribute}"), line, || {
            resource_names::attribute(self, name, attribute, line)
        })
    }

    /// Evaluates a named value once. Fails if the value refers to itself.
    pub(super) fn memoize(
        &self,
        name: &str,
        line: usize,
        evaluate: impl FnOnce() -> Result<Node, Problem>,
    ) -> Result<Node, Problem> {
        if let Some(result) = self.cache.borrow().get(name) {
            return result.clone().map(|node| Node { line, ..node });
        }
        let in_progress = self.in_progress.borrow();
        if let Some(begin) = in_progress.iter().position(|one| one == name) {
            let cycle = in_progress[begin..]
                .iter()
                .map(|name| format!("`{name}` -> "));
            let cycle: String = cycle.collect();
            let text = format!("circular reference: {cycle}`{name}`");
            return Err(Problem::new(line, text));
        }
        drop(in_progress);
        self.in_progress.borrow_mut().push(name.to_owned());
        let result = evaluate();
        self.in_progress.borrow_mut().pop();
        let mut cache = self.cache.borrow_mut();
        cache.insert(name.to_owned(), result.clone());
        result
    }

    /// Returns the value of an intrinsic function, or the node itself. Values inside a map or a list are not evaluated.
    pub(crate) fn value(&self, node: &Node) -> Result<Node, Problem> {
        if node.intrinsic().is_none() {
            return Ok(node.clone());
        }
        self.descend(node.line, || intrinsics::evaluate(self, node))
    }

    /// Whether the condition of a resource is unknown.
    pub(crate) fn may_be_absent(&self, id: &str) -> bool {
        let resource = self.resources.iter().find(|one| one.id == id);
        let condition = resource.and_then(|one| one.condition.as_ref());
        condition.is_some_and(|name| conditions::is_true(self, name).is_err())
    }

    /// Whether a value with this problem counts as absent.
    pub(crate) fn counts_as_absent(&self, problem: &Problem) -> bool {
        self.lenient && problem.is_local_only()
    }

    /// The problem of a name that is not in the template. A lenient evaluator allows it, because the name may exist on
    /// AWS.
    pub(crate) fn not_in_template(&self, line: usize, text: impl Into<String>) -> Problem {
        match self.lenient {
            true => Problem::local_only(line, text),
            false => Problem::new(line, text),
        }
    }

    /// Evaluates one level deeper, up to a limit.
    pub(super) fn descend<T>(
        &self,
        line: usize,
        evaluate: impl FnOnce() -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH {
            return Err(Problem::new(
                line,
                format!("the value depends on more than {MAX_DEPTH} other values"),
            ));
        }
        self.depth.set(depth + 1);
        let result = evaluate();
        self.depth.set(depth);
        result
    }

    /// Returns a value that must be a string. A list of strings is joined with commas, as in a list parameter of SAM.
    pub(crate) fn text(&self, node: &Node) -> Result<String, Problem> {
        let value = self.value(node)?;
        match &value.value {
            Value::Text(text) => Ok(text.to_string()),
            Value::List(items) if items.iter().all(|item| item.as_text().is_some()) => Ok(items
                .iter()
                .filter_map(Node::as_text)
                .collect::<Vec<_>>()
                .join(",")),
            _ => Err(node.problem(format!("the value is {}: expected a string", value.kind()))),
        }
    }

    /// Returns a value that must be a list, without the elements that evaluate to null.
    pub(crate) fn list(&self, node: &Node) -> Result<Vec<Node>, Problem> {
        let value = self.value(node)?;
        let Some(items) = value.as_list() else {
            return Err(node.problem(format!("the value is {}: expected a list", value.kind())));
        };
        let mut present = Vec::new();
        for item in items {
            match self.value(item) {
                Ok(item) if item.is_null() => {}
                Ok(item) => present.push(item),
                Err(problem) if self.counts_as_absent(&problem) => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(present)
    }
}
