mod bodies;
mod credentials;
mod hosts;
mod lanes;
mod server;
mod signatures;
mod sockets;
mod wires;
