//! The connection stores under concurrency: whatever happens at the same time, fails or stops half-way.

mod store {
    mod admin;
    mod calls;
    mod connector;
    mod cost;
    mod course;
    mod history;
    mod log;
    mod meter;
    mod model;
    mod quiet;
    mod regressions;
    mod schedule;
    mod spec;
    mod table;
    mod values;
    mod world;
}
