#![doc = include_str!("../CONFORMANCE.md")]

#[cfg(test)]
mod lines;
#[cfg(test)]
mod table;
