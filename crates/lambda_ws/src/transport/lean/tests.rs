mod credentials;
mod lanes;
mod server;
mod signatures;
mod sockets;
