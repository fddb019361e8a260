//! The gateway as its clients and functions see it, over real TCP.

mod authorizers;
mod crowds;
mod faults;
mod frames;
mod handshakes;
mod lifetimes;
mod management;
mod models;
mod robustness;
mod routes;
mod secure;
mod shapes;
mod signatures;
mod throttling;
mod torture;
