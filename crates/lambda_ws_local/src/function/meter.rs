//! The number of bytes that a program has written, read or not.

use crate::lock::lock;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::process::{ChildStderr, ChildStdout};

/// A pipe that counts the bytes written to it.
pub(crate) struct Meter<P>(Arc<Mutex<Pipe<P>>>);

struct Pipe<P> {
    end: P,
    /// The bytes that were read. Those in the kernel's buffer are not included.
    read: u64,
}

impl<P> Meter<P> {
    pub(crate) fn new(end: P) -> Meter<P> {
        Meter(Arc::new(Mutex::new(Pipe { end, read: 0 })))
    }

    fn lock(&self) -> MutexGuard<'_, Pipe<P>> {
        lock(&self.0)
    }
}

impl<P> Clone for Meter<P> {
    fn clone(&self) -> Meter<P> {
        Meter(self.0.clone())
    }
}

impl<P: std::os::fd::AsFd> Meter<P> {
    fn written(&self) -> u64 {
        let pipe = self.lock();
        // A pipe that cannot be queried counts as empty.
        pipe.read + rustix::io::ioctl_fionread(&pipe.end).unwrap_or(0)
    }
}

impl<P: AsyncRead + Unpin> AsyncRead for Meter<P> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = self.lock();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut pipe.end).poll_read(context, buffer);
        pipe.read += (buffer.filled().len() - before) as u64;
        polled
    }
}

pub(crate) struct Output {
    pub(crate) stdout: Meter<ChildStdout>,
    pub(crate) stderr: Meter<ChildStderr>,
}

impl Output {
    /// Returns the bytes written to both until now.
    pub(crate) fn written(&self) -> u64 {
        self.stdout.written() + self.stderr.written()
    }
}
