mod connection_pool;
mod credentials;
mod http1;
mod signatures;
