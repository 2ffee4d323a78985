//! The simulator's network, as the uplink and the downlink know a line.
//!
//! When a machine crashes, tokio drops its tasks in an order that depends on how many tasks the whole process has had. A
//! line that is dropped says so to the other end, after a delay that is drawn: so all lines of a machine that crashes are
//! dropped in the order in which they were begun, and a story does not depend on those told before it or beside it.

use std::{
    cell::{Cell, RefCell},
    io,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll},
};

use huiliu_node::sync::line::{Dial, Line, Listen};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::TcpStream;

pub const PORT: u16 = 7443;

type Held = Mutex<Option<TcpStream>>;

thread_local! {
    /// The lines of all machines of the simulation that runs on this thread, in the order in which they were begun.
    static LINES: RefCell<Vec<(IpAddr, Weak<Held>)>> = const { RefCell::new(vec![]) };
    static CRASHING: Cell<bool> = const { Cell::new(false) };
}

/// Crashes a machine.
pub fn crash(sim: &mut turmoil::Sim<'_>, name: &str) {
    CRASHING.set(true);
    sim.crash(name);
    CRASHING.set(false);
}

/// A line that the simulator can drop.
struct Wire {
    held: Arc<Held>,
    machine: IpAddr,
}

impl Wire {
    fn new(stream: TcpStream) -> io::Result<Wire> {
        let machine = stream.local_addr()?.ip();
        let held = Arc::new(Mutex::new(Some(stream)));
        LINES.with_borrow_mut(|lines| {
            lines.retain(|(_, line)| line.strong_count() > 0);
            lines.push((machine, Arc::downgrade(&held)));
        });
        Ok(Wire { held, machine })
    }

    fn poll<T>(&self, poll: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(stream) => poll(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if !CRASHING.get() {
            return;
        }
        let lines = LINES.with_borrow(|lines| lines.clone());
        for (_, line) in lines.into_iter().filter(|(machine, _)| *machine == self.machine) {
            let Some(line) = line.upgrade() else { continue };
            drop(line.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll(|stream| stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|stream| stream.poll_shutdown(cx))
    }
}

pub fn dial() -> Dial {
    Arc::new(|address| {
        Box::pin(async move { Ok(Box::new(Wire::new(TcpStream::connect(address).await?)?) as Box<dyn Line>) })
    })
}

pub struct Listener(turmoil::net::TcpListener);

impl Listener {
    pub async fn bind() -> io::Result<Listener> {
        Ok(Listener(turmoil::net::TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), PORT)).await?))
    }
}

impl Listen for Listener {
    async fn accept(&mut self) -> io::Result<(Box<dyn Line>, IpAddr)> {
        let (stream, from) = self.0.accept().await?;
        Ok((Box::new(Wire::new(stream)?), from.ip()))
    }
}
