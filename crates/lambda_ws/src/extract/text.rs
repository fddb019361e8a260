//! JSON with numbers and booleans that may be text.

use serde::de::value::MapDeserializer;
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value};

/// JSON with numbers and booleans that may be text, read as the requested type.
pub(super) struct Text(pub(super) Value);

impl<'de> IntoDeserializer<'de, Error> for Text {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Text that is a literal of the requested type counts as that literal.
macro_rules! literals {
    ($($method:ident $visit:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            if let Value::String(text) = &self.0
                && let Ok(value) = text.parse()
            {
                return visitor.$visit(value);
            }
            self.0.$method(visitor)
        }
    )* };
}

impl<'de> Deserializer<'de> for Text {
    type Error = Error;

    literals! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i64
        deserialize_i16 visit_i64
        deserialize_i32 visit_i64
        deserialize_i64 visit_i64
        deserialize_u8 visit_u64
        deserialize_u16 visit_u64
        deserialize_u32 visit_u64
        deserialize_u64 visit_u64
        deserialize_f32 visit_f64
        deserialize_f64 visit_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, value)| (name, Self(value)));
                visitor.visit_map(MapDeserializer::new(members))
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Role {
        Admin,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Caller {
        number: u32,
        share: f64,
        flag: bool,
        maybe: Option<i64>,
        absent: Option<bool>,
        role: Role,
        text: String,
    }

    #[test]
    fn c1_numbers_and_booleans_are_read_whether_they_became_text_or_not() {
        let expected = Caller {
            number: 7,
            share: 0.5,
            flag: true,
            maybe: Some(-1),
            absent: None,
            role: Role::Admin,
            text: "42".to_owned(),
        };
        let as_text = json!({
            "number": "7", "share": "0.5", "flag": "true", "maybe": "-1", "role": "admin", "text": "42"
        });
        let as_is = json!({
            "number": 7, "share": 0.5, "flag": true, "maybe": -1, "role": "admin", "text": "42"
        });
        for value in [as_text, as_is] {
            assert_eq!(Caller::deserialize(Text(value)).unwrap(), expected);
        }
    }

    #[test]
    fn text_that_is_not_a_number_stays_text() {
        for value in [
            json!({"n": "seven"}),
            json!({"n": "-1"}),
            json!({"n": "999"}),
        ] {
            let read = std::collections::HashMap::<String, u8>::deserialize(Text(value.clone()));
            assert!(read.is_err(), "{value}");
        }
    }
}
