//! End-to-end suites: the real gateway, the real function, real clients.

mod e2e {
    mod chat;
    mod conformance;
    mod connect;
    mod crowd;
    mod end;
    mod gone;
    mod help;
    mod invoke;
    mod own_project;
    mod start;
    mod store;
}
