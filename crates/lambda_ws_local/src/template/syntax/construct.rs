//! Where CDK says which construct a resource was made of.

use std::collections::BTreeMap;

use super::node::Node;
use super::problem::Problem;
use crate::template::transform::Resource;

/// The constructs by the lines of a template.
#[derive(Default)]
pub(crate) struct Constructs {
    /// The first line of each resource, and its construct if its metadata names one.
    lines: BTreeMap<usize, Option<String>>,
}

impl Constructs {
    pub(crate) fn new(template: &Node, resources: &[Resource]) -> Self {
        let mut lines = BTreeMap::new();
        // What follows belongs to no resource.
        let sections = template.entries().iter().map(|section| section.line);
        lines.extend(sections.map(|line| (line, None)));
        for resource in resources.iter().filter(|one| !one.generated) {
            let construct = resource.construct().map(str::to_owned);
            // On a line of several resources, a number says nothing.
            let several = lines.contains_key(&resource.line);
            lines.insert(resource.line, construct.filter(|_| !several));
        }
        Self { lines }
    }

    /// The construct of the resource on a line.
    pub(crate) fn at(&self, line: usize) -> Option<&str> {
        let (_, construct) = self.lines.range(..=line).next_back()?;
        construct.as_deref()
    }

    /// The problem with its construct.
    pub(crate) fn name(&self, problem: Problem) -> Problem {
        let construct = problem.line().and_then(|line| self.at(line));
        problem.of_construct(construct)
    }
}
