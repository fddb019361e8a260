mod connection_pool;
mod credentials;
mod http1;
mod request_limit;
mod signatures;
