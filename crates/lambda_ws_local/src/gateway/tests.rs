//! The gateway as its clients and functions see it, over real TCP.

mod crowds;
mod frames;
mod handshakes;
mod lifetimes;
mod management;
mod routes;
