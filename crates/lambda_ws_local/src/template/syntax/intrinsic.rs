/// The functions of CloudFormation that have a short form, `!Name`; `Fn::Name` is the long one.
const FUNCTIONS: &[&str] = &[
    "And",
    "Base64",
    "Cidr",
    "Contains",
    "EachMemberEquals",
    "EachMemberIn",
    "Equals",
    "FindInMap",
    "GetAtt",
    "GetAZs",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "RefAll",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
    "ValueOf",
    "ValueOfAll",
];

/// The long form of the tag `!suffix`; `None` if CloudFormation has no such function.
pub(crate) fn long_form(suffix: &str) -> Option<String> {
    match suffix {
        "Ref" | "Condition" => Some(suffix.to_owned()),
        _ => FUNCTIONS.contains(&suffix).then(|| format!("Fn::{suffix}")),
    }
}
