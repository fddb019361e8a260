use crate::template::syntax::{Entry, Node, Problem};

/// A resource of the template, with SAM's `Globals` and without evaluated values.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) resource_type: String,
    /// The name of the condition under which it exists.
    pub(crate) condition: Option<Node>,
    pub(crate) properties: Node,
    pub(crate) metadata: Node,
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// Whether SAM generates this resource from another one.
    pub(crate) generated: bool,
}

impl Resource {
    /// A resource that SAM generates from another one.
    pub(super) fn generated(
        from: &Resource,
        id: String,
        resource_type: &str,
        properties: Vec<Entry>,
        line: usize,
    ) -> Self {
        Self {
            id,
            resource_type: resource_type.to_owned(),
            condition: from.condition.clone(),
            properties: Node::map(properties, line),
            metadata: Node::null(line),
            line,
            column: 0,
            generated: true,
        }
    }

    pub(crate) fn problem(&self, text: impl Into<String>) -> Problem {
        Problem::new(self.line, text)
    }

    /// Whether the reader uses resources of this type.
    pub(crate) fn is_read(&self) -> bool {
        let kind = self.resource_type.strip_prefix("AWS::").unwrap_or_default();
        match kind.split_once("::") {
            Some(("ApiGatewayV2", part)) => !["ApiMapping", "DomainName"].contains(&part),
            Some(("Lambda", part)) => part != "Permission",
            Some(("ApiGateway" | "DynamoDB" | "Serverless", _)) => true,
            _ => false,
        }
    }

    /// Its id on AWS, if API Gateway generates one.
    pub(crate) fn short_id(&self) -> String {
        short_id(&self.id)
    }

    /// Its CDK construct, such as `ChatStack/Chat/Resource`.
    pub(crate) fn construct(&self) -> Option<&str> {
        self.metadata.text_of("aws:cdk:path")
    }
}

/// Returns an id of 10 letters and digits, as in API Gateway. The id depends only on the name.
pub(crate) fn short_id(name: &str) -> String {
    // FNV-1a is stable across versions of Rust. The standard hasher is not.
    let mut hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut digit = || {
        let digit = digits[(hash % 36) as usize];
        hash /= 36;
        char::from(digit)
    };
    (0..10).map(|_| digit()).collect()
}
