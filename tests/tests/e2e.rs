//! End-to-end suites: the real gateway, the real function, real clients.

mod e2e {
    mod admin;
    mod authorizers;
    mod broadcast;
    mod chat;
    mod client_limits;
    mod conformance;
    mod connect;
    mod cost;
    mod crowd;
    mod doctor;
    mod end;
    mod faults;
    mod freeze;
    mod functions;
    mod gone;
    mod help;
    mod invoke;
    mod languages;
    mod layers;
    mod lossless;
    mod new_project;
    mod operations;
    mod other_events;
    mod own_project;
    mod packages;
    mod publish;
    mod record;
    mod reload;
    mod rollout;
    mod runtime;
    mod slow;
    mod start;
    mod store;
    mod templates;
    mod torture;
}
