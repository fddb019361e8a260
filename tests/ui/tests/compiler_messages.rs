//! A mistake does not compile, and the compiler's first line names it.
//!
//! `TRYBUILD=overwrite cargo test -p ui` writes the expected texts anew, after a change of them that
//! is an improvement.

#[test]
fn mistakes_do_not_compile_and_the_message_helps() {
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
