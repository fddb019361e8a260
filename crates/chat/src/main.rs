//! A program.
fn main(){}
