mod bodies;
mod connection_pool;
mod credentials;
mod hosts;
mod http1;
mod lanes;
mod server;
mod signatures;
