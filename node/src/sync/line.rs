//! The line itself: how a connection is made and taken, passed in so that a simulator can provide it; and how many
//! bytes went over it.

use std::{
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream in both directions.
pub trait Line: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Line for T {}

pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Line>>> + Send>>;
/// Connects to `host:port`.
pub type Dial = Arc<dyn Fn(String) -> Connecting + Send + Sync>;

/// Takes connections, one after another, each with the address it comes from.
pub trait Listen: Send + 'static {
    fn accept(&mut self) -> impl Future<Output = io::Result<(Box<dyn Line>, IpAddr)>> + Send;
}

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// Over TCP.
pub fn tcp() -> Dial {
    Arc::new(|address| {
        Box::pin(async move {
            let connecting = tokio::net::TcpStream::connect(address);
            let stream = tokio::time::timeout(CONNECT, connecting).await.map_err(|_| io::ErrorKind::TimedOut)??;
            stream.set_nodelay(true)?;
            Ok(Box::new(Counted(stream)) as Box<dyn Line>)
        })
    })
}

impl Listen for tokio::net::TcpListener {
    async fn accept(&mut self) -> io::Result<(Box<dyn Line>, IpAddr)> {
        let (stream, from) = tokio::net::TcpListener::accept(self).await?;
        stream.set_nodelay(true)?;
        Ok((Box::new(Counted(stream)), from.ip()))
    }
}

static SENT: AtomicU64 = AtomicU64::new(0);
static RECEIVED: AtomicU64 = AtomicU64::new(0);

/// Bytes this process has sent and received over TCP, with TLS and everything.
pub fn wire() -> (u64, u64) {
    (SENT.load(Ordering::Relaxed), RECEIVED.load(Ordering::Relaxed))
}

struct Counted(tokio::net::TcpStream);

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.0).poll_read(cx, buffer);
        RECEIVED.fetch_add((buffer.filled().len() - before) as u64, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.0).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = &polled {
            SENT.fetch_add(*written as u64, Ordering::Relaxed);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
