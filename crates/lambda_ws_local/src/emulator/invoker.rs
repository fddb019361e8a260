//! One function of a project, which is invoked directly instead of through a gateway.

use super::failure::Failure;
use super::functions::FunctionHandle;
use super::invoke_urls::InvokeUrls;
use super::management_stub;
use super::options::{ProjectOptions, Server};
use super::ports;
use super::project::{Endpoints, Project};
use super::report::{Notice, Reporter};
use crate::activity::Observers;
use crate::function::{InvokeError, request_id};
use crate::lambda::{self, Lambda, Target};
use crate::template::Function;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A running function of a project, with DynamoDB, a management API and Lambda's Invoke API, but without a gateway.
pub struct Invoker {
    function: FunctionHandle,
    lambda: Lambda,
    lost: Arc<AtomicUsize>,
}

/// The unfinished asynchronous invocations when an [`Invoker`] was stopped.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Unfinished {
    /// How many events failed for good, or were still waiting.
    pub lost: usize,
    /// Whether events were still waiting at the timeout.
    pub timed_out: bool,
}

impl Invoker {
    /// Builds and starts the function. DynamoDB and a management API are started unless their URLs are given. This
    /// management API accepts and reports every post.
    ///
    /// # Errors
    ///
    /// A template without the function, or a program that does not build or start.
    pub async fn start(
        options: ProjectOptions,
        dynamodb_url: Option<String>,
        management_url: Option<String>,
        reporter: &Reporter,
    ) -> Result<Invoker, Failure> {
        let project = Project::read(&Arc::new(options), &InvokeUrls::default())?;
        let function = chosen(&project)?;
        let program = project.program(function).await?;
        let mut endpoints = Endpoints {
            management: management(management_url, &project, reporter).await?,
            dynamodb: dynamodb(dynamodb_url, &project).await?,
            lambda: None,
        };
        let handle = FunctionHandle::new(&function.name, Observers::default());
        let lost = Arc::new(AtomicUsize::new(0));
        let lambda = lambda(&project, function, &handle, &lost, reporter);
        let listener = project.options().bind_local(Server::Lambda, 0, "--port");
        let listener = listener.await?;
        endpoints.lambda = Some(ports::url(&listener)?);
        let serving = lambda.clone();
        tokio::spawn(async move { serving.serve(listener).await });
        let config = project.config(function, program, &endpoints);
        handle.start(config, reporter, None).await?;
        Ok(Invoker {
            function: handle,
            lambda,
            lost,
        })
    }

    /// Invokes the function.
    ///
    /// # Errors
    ///
    /// [`InvokeError`]. Nothing is retried.
    pub async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        Target::invoke(&self.function, event, &request_id()).await
    }

    /// Waits at most `patience` for asynchronous invocations, and stops the function.
    pub async fn finish(self, patience: Duration) -> Unfinished {
        let idle = tokio::time::timeout(patience, self.lambda.idle()).await;
        let unfinished = Unfinished {
            lost: self.lost.load(Ordering::Relaxed) + self.lambda.stop(),
            timed_out: idle.is_err(),
        };
        self.function.stop().await;
        unfinished
    }
}

/// Returns the only function of a project, or the one that its options name.
fn chosen(project: &Project) -> Result<&Function, Failure> {
    match (project.functions(), &project.options().function) {
        ([function], _) => Ok(function),
        (all, Some(name)) => all
            .iter()
            .find(|function| function.logical_id == *name)
            .ok_or_else(|| Failure::new(format!("the template has no function `{name}`"))),
        (_, None) => Err(Failure::new(
            "the template contains several functions: choose one with --function",
        )),
    }
}

/// Returns Lambda's Invoke API of the function, for its follow-up tasks. The functions with the same program, such as
/// one for tasks, run in the same processes.
fn lambda(
    project: &Project,
    function: &Function,
    handle: &FunctionHandle,
    lost: &Arc<AtomicUsize>,
    reporter: &Reporter,
) -> Lambda {
    let (lost, reporter) = (lost.clone(), reporter.clone());
    let served = project.functions().iter().filter_map(|one| {
        let is_served = one.logical_id == function.logical_id || one.shares_program(function);
        is_served.then(|| lambda::Invocable {
            name: one.name.clone(),
            remote_name: None,
            asynchronous: one.asynchronous,
            target: Arc::new(handle.clone()),
        })
    });
    let project = project.options();
    let options = lambda::Options {
        guard: project.guard(),
        region: project.region.clone(),
        // A minute is too long for an interactive command.
        retry_delay: Duration::ZERO,
        observer: Some(Arc::new(move |event| {
            lost.fetch_add(1, Ordering::Relaxed);
            reporter.report(Notice::Error(&event.to_string()));
        })),
        ..lambda::Options::default()
    };
    Lambda::new(served, options)
}

/// Returns the URL of a management API, which is started unless there is a `url`.
async fn management(
    url: Option<String>,
    project: &Project,
    reporter: &Reporter,
) -> Result<String, Failure> {
    let Some(url) = url else {
        let options = project.options();
        let listener = options.bind(0, "--management-endpoint").await?;
        let api = project.template().apis.first();
        let stage = api.map_or("dev", |api| &api.stage);
        let url = format!("{}/{stage}", ports::url(&listener)?);
        let served = management_stub::serve(listener, options.guard(), reporter.clone());
        tokio::spawn(served);
        return Ok(url);
    };
    Ok(url)
}

/// Returns the URL of a DynamoDB, which is started unless there is a `url`.
async fn dynamodb(url: Option<String>, project: &Project) -> Result<String, Failure> {
    let Some(url) = url else {
        let (options, dynamodb) = (project.options(), project.dynamodb().await?);
        let listener = options.bind_local(Server::Dynamodb, 0, "--dynamodb-endpoint");
        let listener = listener.await?;
        let (url, guard) = (ports::url(&listener)?, options.guard());
        tokio::spawn(async move { dynamodb.serve(listener, guard).await });
        return Ok(url);
    };
    Ok(url)
}
