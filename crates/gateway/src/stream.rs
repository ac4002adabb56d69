//! Bytes from and to whoever is at the other end.

use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use tokio::net::TcpStream;

/// A connection, to whomever.
pub(crate) enum Stream {
    /// In clear.
    Plain(TcpStream),
}

impl Stream {
    /// Reads into the room that a buffer has left; 0 at the end.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        debug_assert!(into.len() < into.capacity(), "there is room");
        match self {
            Self::Plain(io) => pin!(io.read_buf(into)).poll(cx),
        }
    }

    /// Writes some of the bytes.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(io) => Pin::new(io).poll_write(cx, bytes),
        }
    }

    /// Ready once there is something to read, or its end.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(io) => io.poll_read_ready(cx),
        }
    }

    /// Says that nothing more is written.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

/// Bytes that were read and are not used yet.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// Where the unused ones begin.
    at: usize,
}

impl Buffer {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    /// What is not used yet.
    pub(crate) fn unused(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// So many bytes are used.
    pub(crate) fn take(&mut self, count: usize) {
        self.at += count;
        debug_assert!(self.at <= self.bytes.len(), "used before they came");
        if self.is_empty() {
            self.bytes.clear();
            self.at = 0;
        }
    }

    /// Reads more behind what is there. The buffer grows only where there is no room at all.
    pub(crate) fn poll_fill(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.bytes.len() == self.bytes.capacity() {
            self.bytes.drain(..self.at);
            self.at = 0;
            if self.bytes.len() == self.bytes.capacity() {
                self.bytes.reserve(self.bytes.len().max(4096));
            }
        }
        stream.poll_read(cx, &mut self.bytes)
    }

    /// Forgets what is there.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.at = 0;
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}
