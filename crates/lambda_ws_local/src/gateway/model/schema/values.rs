//! Values as JSON Schema compares them: by their mathematical value, and objects without an order.

use serde_json::{Number, Value};
use std::cmp::Ordering;
use std::fmt::Write;

/// Returns a text that equal values share.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or(f64::NAN);
            // A float that is an integer equals the integer. Above this, integers that are floats have one form anyway.
            let is_integer = float.fract() == 0.0 && float.abs() < 1e30;
            // Writing to a `String` cannot fail.
            let _ = match number.as_i128() {
                Some(integer) => write!(text, "{integer}"),
                None if is_integer => write!(text, "{}", float as i128),
                None => write!(text, "{float}"),
            };
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (name, value) in members {
                let _ = write!(text, "{name:?}:");
                write(value, text);
                text.push(',');
            }
            text.push('}');
        }
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

/// Compares two numbers exactly.
pub(super) fn compare(a: &Number, b: &Number) -> Ordering {
    let float = |number: &Number| number.as_f64().unwrap_or(f64::NAN);
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => compare_with_float(a, float(b)),
        (None, Some(b)) => compare_with_float(b, float(a)).reverse(),
        (None, None) => float(a).total_cmp(&float(b)),
    }
}

fn compare_with_float(integer: i128, float: f64) -> Ordering {
    // The conversion saturates.
    let by_integers = integer.cmp(&(float.floor() as i128));
    by_integers.then(match float.fract() == 0.0 {
        true => Ordering::Equal,
        false => Ordering::Less,
    })
}

/// Returns whether a number is a multiple of another one, as decimal numbers: 0.3 is a multiple of 0.1.
pub(super) fn is_multiple(number: &Number, divisor: &Number) -> bool {
    let (Some((digits, exponent)), Some((divisor, divisor_exponent))) =
        (decimal(number), decimal(divisor))
    else {
        return false;
    };
    if digits == 0 {
        return true;
    }
    let mut remainder = digits % divisor;
    let mut unit = divisor;
    if exponent >= divisor_exponent {
        // Below 10^20, so that the product does not overflow.
        for _ in divisor_exponent..exponent {
            remainder = remainder * 10 % divisor;
        }
        return remainder == 0;
    }
    for _ in exponent..divisor_exponent {
        match unit.checked_mul(10) {
            Some(larger) => unit = larger,
            // A divisor with more digits than any number is larger than the number.
            None => return false,
        }
    }
    digits % unit == 0
}

/// Returns the digits of a number as an integer, and the power of ten that they are multiplied with.
fn decimal(number: &Number) -> Option<(i128, i32)> {
    if let Some(integer) = number.as_i128() {
        return Some((integer, 0));
    }
    // The shortest decimal number that is this float, such as `1.5e-7`.
    let text = format!("{:e}", number.as_f64()?);
    let (digits, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let fraction = digits.split_once('.').map_or("", |(_, fraction)| fraction);
    let places = i32::try_from(fraction.len()).ok()?;
    let digits = digits.replace('.', "").parse().ok()?;
    Some((digits, exponent - places))
}
