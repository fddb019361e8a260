//! The output of `cdk synth`: a cloud assembly, which lists the templates of all stacks.

use super::failure::Failure;
use super::project::DEFAULT_TEMPLATE;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The default output folder of `cdk synth`.
pub(super) const CDK_OUT: &str = "cdk.out";
/// The settings of a CDK app, which can name another output folder.
const SETTINGS: &str = "cdk.json";
const MANIFEST: &str = "manifest.json";

/// The used members of `cdk.json`.
#[derive(Default, Deserialize)]
struct Settings {
    output: Option<PathBuf>,
}

/// The used members of `manifest.json`.
#[derive(Deserialize)]
struct Manifest {
    artifacts: BTreeMap<String, Artifact>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    #[serde(rename = "type")]
    kind: String,
    display_name: Option<String>,
    #[serde(default)]
    properties: Properties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    template_file: Option<PathBuf>,
    directory_name: Option<PathBuf>,
}

/// A stack with a WebSocket API.
#[derive(Debug, PartialEq, Eq)]
struct Stack {
    name: String,
    template: PathBuf,
}

/// Returns the template that a folder contains: `template.yaml`, or else the only template with a WebSocket API in the
/// output of `cdk synth`. `None` if the folder contains neither.
///
/// # Errors
///
/// If the output of `cdk synth` contains several such templates or none, or cannot be read.
pub fn default_template(folder: &Path) -> Result<Option<PathBuf>, Failure> {
    let template = folder.join(DEFAULT_TEMPLATE);
    if template.exists() {
        return Ok(Some(template));
    }
    let output = folder.join(output_of(folder));
    if !output.join(MANIFEST).exists() {
        return Ok(None);
    }
    let shown = output.display();
    let mut stacks = Vec::new();
    add_stacks(&output, &mut HashSet::new(), &mut stacks)?;
    match stacks.as_slice() {
        [stack] => Ok(Some(stack.template.clone())),
        [] => Err(Failure::new(format!(
            "no stack in {shown} has a WebSocket API: add a `WebSocketApi` to the CDK app and run `cdk synth`, or pass \
             another template with --template"
        ))),
        several => {
            let line = |stack: &Stack| {
                let (template, name) = (stack.template.display(), &stack.name);
                format!("\n  -t {template}  # stack `{name}`")
            };
            let lines: String = several.iter().map(line).collect();
            Err(Failure::new(format!(
                "{} stacks in {shown} have a WebSocket API: choose one of their templates with -t{lines}",
                several.len()
            )))
        }
    }
}

/// Whether a folder contains a CDK app without its output.
pub(super) fn is_unsynthesized(folder: &Path) -> bool {
    folder.join(SETTINGS).is_file() && !folder.join(output_of(folder)).join(MANIFEST).exists()
}

fn output_of(folder: &Path) -> PathBuf {
    let settings = fs::read(folder.join(SETTINGS)).unwrap_or_default();
    // The CDK reports settings that are not valid.
    let settings: Settings = serde_json::from_slice(&settings).unwrap_or_default();
    settings.output.unwrap_or_else(|| PathBuf::from(CDK_OUT))
}

/// Adds the stacks with a WebSocket API of an assembly and of its nested assemblies, each once: an app has an assembly for
/// each `Stage` construct. Templates that the manifest does not list are left over from earlier runs.
fn add_stacks(
    assembly: &Path,
    known: &mut HashSet<PathBuf>,
    stacks: &mut Vec<Stack>,
) -> Result<(), Failure> {
    if !is_new(assembly, known) {
        return Ok(());
    }
    let path = assembly.join(MANIFEST);
    let unreadable = |error: String| {
        let what = format!("cannot read {}: run `cdk synth` again", path.display());
        Failure::new(format!("{what}: {error}"))
    };
    let text = fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
    let manifest: Result<Manifest, _> = serde_json::from_slice(&text);
    let manifest = manifest.map_err(|error| unreadable(error.to_string()))?;
    for (id, artifact) in manifest.artifacts {
        match (&*artifact.kind, artifact.properties) {
            (
                "aws:cloudformation:stack",
                Properties {
                    template_file: Some(file),
                    ..
                },
            ) => {
                let template = assembly.join(file);
                if has_websocket_api(assembly, &template, &mut HashSet::new()) {
                    let name = artifact.display_name.unwrap_or(id);
                    stacks.push(Stack { name, template });
                }
            }
            (
                "cdk:cloud-assembly",
                Properties {
                    directory_name: Some(folder),
                    ..
                },
            ) => add_stacks(&assembly.join(folder), known, stacks)?,
            _ => {}
        }
    }
    Ok(())
}

/// Adds a file or a folder to those that were read. Returns `false` if it was read already.
fn is_new(path: &Path, known: &mut HashSet<PathBuf>) -> bool {
    // What does not exist is reported by the function that reads it.
    known.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned()))
}

/// Whether a stack of an assembly or one of its nested stacks contains a WebSocket API. `known` has the templates that were
/// read.
fn has_websocket_api(assembly: &Path, template: &Path, known: &mut HashSet<PathBuf>) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Template {
        #[serde(default)]
        resources: BTreeMap<String, Resource>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Resource {
        r#type: String,
        #[serde(default)]
        properties: serde_json::Value,
        #[serde(default)]
        metadata: serde_json::Value,
    }
    if !is_new(template, known) {
        return false;
    }
    let text = fs::read(template).unwrap_or_default();
    let template: Result<Template, _> = serde_json::from_slice(&text);
    let mut resources = template
        .into_iter()
        .flat_map(|one| one.resources.into_values());
    resources.any(|one| match &*one.r#type {
        "AWS::ApiGatewayV2::Api" => one.properties["ProtocolType"] == "WEBSOCKET",
        "AWS::CloudFormation::Stack" => {
            let file = one.metadata["aws:asset:path"].as_str();
            file.is_some_and(|file| has_websocket_api(assembly, &assembly.join(file), known))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn write(folder: &Path, name: &str, value: &Value) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, value.to_string()).expect("a file");
    }

    fn stack(id: &str) -> Value {
        let properties = json!({"templateFile": format!("{id}.template.json")});
        json!({"type": "aws:cloudformation:stack", "properties": properties, "displayName": format!("{id} of tea")})
    }

    fn api(protocol: &str) -> Value {
        let properties = json!({"ProtocolType": protocol});
        json!({"Resources": {"Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": properties}}})
    }

    #[test]
    fn the_only_template_with_a_websocket_api_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        assert_eq!(default_template(folder).expect("nothing"), None);
        let data = json!({"Resources": {"Files": {"Type": "AWS::S3::Bucket"}}});
        write(folder, "cdk.out/Data.template.json", &data);
        write(folder, "cdk.out/Http.template.json", &api("HTTP"));
        write(folder, "cdk.out/Chat.template.json", &api("WEBSOCKET"));
        // An earlier run wrote this template.
        write(folder, "cdk.out/Old.template.json", &api("WEBSOCKET"));
        let tree = json!({"type": "cdk:tree", "properties": {"file": "tree.json"}});
        let artifacts = json!({"Data": stack("Data"), "Http": stack("Http"), "Chat": stack("Chat"), "Tree": tree});
        write(
            folder,
            "cdk.out/manifest.json",
            &json!({"artifacts": artifacts}),
        );
        let found = default_template(folder).expect("one template");
        assert_eq!(found, Some(folder.join("cdk.out/Chat.template.json")));
        write(folder, DEFAULT_TEMPLATE, &json!({}));
        let found = default_template(folder).expect("a template");
        assert_eq!(found, Some(folder.join(DEFAULT_TEMPLATE)));
    }

    #[test]
    fn a_websocket_api_of_a_nested_stack_belongs_to_the_stack_around_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let around = |file: &str| {
            let metadata = json!({"aws:asset:path": file});
            json!({"Resources": {"Net": {"Type": "AWS::CloudFormation::Stack", "Metadata": metadata}}})
        };
        write(
            folder,
            "cdk.out/Chat.template.json",
            &around("Net.nested.template.json"),
        );
        write(
            folder,
            "cdk.out/Net.nested.template.json",
            &around("Edge.nested.template.json"),
        );
        write(
            folder,
            "cdk.out/Edge.nested.template.json",
            &api("WEBSOCKET"),
        );
        write(
            folder,
            "cdk.out/Data.template.json",
            &around("None.nested.template.json"),
        );
        // A template that contains itself many times is read once, under each of its names.
        let mut all = around("Loop.template.json");
        for number in 0..30 {
            all["Resources"][format!("Again{number}")] =
                around("./Loop.template.json")["Resources"]["Net"].clone();
        }
        write(folder, "cdk.out/Loop.template.json", &all);
        let artifacts =
            json!({"Chat": stack("Chat"), "Data": stack("Data"), "Loop": stack("Loop")});
        write(
            folder,
            "cdk.out/manifest.json",
            &json!({"artifacts": artifacts}),
        );
        let found = default_template(folder).expect("one template");
        assert_eq!(found, Some(folder.join("cdk.out/Chat.template.json")));
    }

    #[test]
    fn several_templates_are_listed_with_those_of_nested_assemblies() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        write(folder, "cdk.json", &json!({"output": "build"}));
        assert!(is_unsynthesized(folder));
        for (assembly, id) in [("build", "Chat"), ("build/assembly-Prod", "ProdChat")] {
            let template = format!("{assembly}/{id}.template.json");
            write(folder, &template, &api("WEBSOCKET"));
        }
        let nested =
            json!({"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod"}});
        let artifacts = json!({"Chat": stack("Chat"), "assembly-Prod": nested});
        write(
            folder,
            "build/manifest.json",
            &json!({"artifacts": artifacts}),
        );
        // An assembly that contains itself is read once.
        let this = json!({"type": "cdk:cloud-assembly", "properties": {"directoryName": "."}});
        let manifest =
            json!({"artifacts": {"ProdChat": stack("ProdChat"), "One": this, "Two": this}});
        write(folder, "build/assembly-Prod/manifest.json", &manifest);
        assert!(!is_unsynthesized(folder));
        let failure = default_template(folder).expect_err("two templates");
        let output = folder.join("build");
        let output = output.display();
        let expected = format!(
            "2 stacks in {output} have a WebSocket API: choose one of their templates with -t\n  \
             -t {output}/Chat.template.json  # stack `Chat of tea`\n  \
             -t {output}/assembly-Prod/ProdChat.template.json  # stack `ProdChat of tea`"
        );
        assert_eq!(failure.text(), expected);
    }

    #[test]
    fn output_without_a_websocket_api_or_a_readable_manifest_is_an_error_with_a_fix() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        write(folder, "cdk.out/manifest.json", &json!({"artifacts": {}}));
        let failure = default_template(folder).expect_err("no template");
        assert!(failure.text().contains("--template"), "{}", failure.text());
        write(folder, "cdk.out/manifest.json", &json!([]));
        let failure = default_template(folder).expect_err("no manifest");
        assert!(
            failure.text().contains("run `cdk synth` again"),
            "{}",
            failure.text()
        );
    }
}
